//! Lo que hace cada orden.

mod book;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors::reason;
use multiplexacion::listener;
use multiplexacion::stop::Stop;

use crate::arguments::{Choices, Order};
use crate::comparison;
use crate::cores::Cores;
use crate::engines::edge::EdgeSelector;
use crate::engines::epoll::EpollSelector;
use crate::engines::poll::PollSelector;
use crate::engines::select::SelectSelector;
use crate::engines::{Engine, threads};
use crate::machine::raise_descriptor_limit;
use crate::measure::Laboratory;
use crate::neighbours::another_measures;
use crate::plan::Plan;
use crate::programs::{self, COURSE, LESSON};
use crate::report::file::Saving;
use crate::report::{browser, page, terminal};
use crate::results::Report;
use crate::service::Service;
use crate::warnings;
use crate::wording::count;
use crate::{chat, web};

pub(crate) fn obey((order, choices): (Option<Order>, Choices)) -> Result<(), Trouble> {
    match order {
        None => engines(Plan::usual(), &choices),
        Some(Order::Quick) => engines(Plan::quick(), &choices),
        Some(Order::Thorough) => engines(Plan::thorough(), &choices),
        Some(Order::Compare { one, other }) => compare(&one, &other),
        Some(Order::Web) => measure_web(&choices),
        Some(Order::Chat) => measure_chat(&choices),
        Some(Order::Book { measuring }) => write_the_chapter(measuring),
        Some(Order::Serve { engine }) => serve(engine, choices.hindered == Some(engine)),
        Some(Order::Floor) => Ok(web::floor::serve(&local()?)?),
    }
}

fn engines(plan: Plan, choices: &Choices) -> Result<(), Trouble> {
    let mut plan = chosen(plan, choices);
    measure(choices, "informe.html", |cores, stop| {
        let cut = cut_to_fit(&mut plan);
        let uring = plan.engines.contains(&Engine::Uring).then(programs::uring).flatten();
        if uring.is_none() {
            plan.engines.retain(|&engine| engine != Engine::Uring);
        }
        let program = std::env::current_exe()?;
        let laboratory = Laboratory { program, uring, cores, hindered: choices.hindered };
        let mut report = laboratory.experiment(&plan, stop);
        report.cut = cut;
        Ok(report)
    })
}

fn measure_web(choices: &Choices) -> Result<(), Trouble> {
    let rounds = choices.rounds.unwrap_or(web::ROUNDS);
    measure(choices, "web.html", |cores, stop| web::measure(rounds, cores, stop))
}

fn measure_chat(choices: &Choices) -> Result<(), Trouble> {
    let rounds = choices.rounds.unwrap_or(chat::ROUNDS);
    measure(choices, "chat.html", |cores, stop| chat::measure(rounds, cores, stop))
}

/// Cualquier experimento, de principio a fin: lo mide, lo enseña y lo guarda.
fn measure(
    choices: &Choices,
    page: &str,
    experiment: impl FnOnce(&Cores, &Stop) -> Result<Report, Trouble>,
) -> Result<(), Trouble> {
    if cfg!(debug_assertions) {
        cli::complain(
            "Compilado sin optimizar: las cifras no valen. «cargo lab» compila como hace falta.",
        );
    }
    if another_measures() {
        cli::complain(
            "Otro laboratorio está midiendo en esta máquina, y cada uno estropea las cifras del otro: \
             para este con Ctrl-C, y repítelo cuando acabe.",
        );
    }
    // Antes que nada: Ctrl-C es desde aquí un descriptor, y se mira entre una medida y otra.
    let stop = Stop::on_signals()?;
    let outputs = Outputs::prepare(choices, page)?;
    let (before, now) = raise_descriptor_limit();
    if now > before {
        cli::complain(&format!(
            "El límite de descriptores pasa de {} a {}, solo para este experimento.",
            count(before),
            count(now)
        ));
    }
    let report = match experiment(&Cores::split()?, &stop) {
        Ok(report) if report.complete || !report.is_empty() => report,
        Err(trouble) if !stop.is_requested() => return Err(trouble),
        // Lo pararon, quizá a mitad de compilar. El informe que hubiera vale más que uno vacío.
        _ => {
            cli::complain("Se paró antes de medir nada: no se escribe ningún informe.");
            return Ok(());
        }
    };
    terminal::say(&terminal::text(&report));
    if report.is_empty() {
        return Err(Trouble::new(
            "no se pudo medir ningún caso",
            "lee los avisos de arriba; si no bastan, mira con cargo test si las lecciones funcionan aquí",
        ));
    }
    outputs.write(&report)
}

struct Outputs {
    json: Option<Saving>,
    page: Saving,
    open: bool,
}

impl Outputs {
    /// Comprueba que se podrán escribir, para no saberlo después de medir. La página va donde se
    /// pida o, con el nombre `page`, a una carpeta del curso que git no mira.
    fn prepare(choices: &Choices, page: &str) -> Result<Outputs, Trouble> {
        let prepare = |path: &Path| Saving::prepare(path).map_err(|error| unwritable(path, &error));
        let page = match &choices.page {
            Some(page) => page.clone(),
            None => reports()
                .map(|folder| folder.join(page))
                .map_err(|error| unwritable(&Path::new("laboratorio").join(page), &error))?,
        };
        let json = choices.json.as_deref().map(prepare).transpose()?;
        let page = prepare(&page)?;
        if json.as_ref().is_some_and(|json| json.path() == page.path()) {
            return Err(Trouble::new(
                "los datos y la página no caben en el mismo archivo",
                "da a --json y a --informe nombres distintos",
            ));
        }
        Ok(Outputs { json, page, open: !choices.unopened })
    }

    /// Los escribe, dice dónde está la página y la abre. Si falla uno, el otro se escribe igual:
    /// medir costó minutos.
    fn write(&self, report: &Report) -> Result<(), Trouble> {
        let save = |saving: &Saving, content: &str| {
            saving.save(content).map_err(|error| unwritable(saving.path(), &error))
        };
        let json = self.json.as_ref().map_or(Ok(()), |saving| save(saving, &report.json()?));
        save(&self.page, &page::page(report))?;
        let which = if report.complete { "El informe" } else { "El informe, a medias" };
        terminal::say(&format!("\n{which}, con sus gráficas: {}", shown(self.page.path())));
        if self.open && report.complete {
            browser::open(self.page.path());
        }
        json
    }
}

fn chosen(mut plan: Plan, choices: &Choices) -> Plan {
    if !choices.engines.is_empty() {
        plan.engines =
            Engine::ALL.into_iter().filter(|engine| choices.engines.contains(engine)).collect();
    }
    if !choices.connections.is_empty() {
        plan = plan.with_connections(&choices.connections);
    }
    if choices.brief {
        let ms = Duration::from_millis;
        (plan.burst, plan.paced, plan.few) = (ms(40), ms(20), 2);
    }
    plan.rounds = choices.rounds.unwrap_or(plan.rounds);
    plan
}

/// Recorta lo que no quepa en los descriptores que hay, y lo dice. Devuelve lo que se quería.
fn cut_to_fit(plan: &mut Plan) -> Option<usize> {
    let (_, descriptors) = raise_descriptor_limit();
    let most = |plan: &Plan| plan.idle.iter().chain(&plan.busy).max().copied().unwrap_or(0);
    let wanted = most(plan);
    plan.fit(descriptors).then(|| {
        cli::complain(&warnings::cut(descriptors, wanted, most(plan)));
        wanted
    })
}

fn serve(engine: Engine, hindered: bool) -> Result<(), Trouble> {
    raise_descriptor_limit();
    let listener = local()?;
    match engine {
        Engine::Threads => threads::serve(listener)?,
        Engine::Select => Service::new(SelectSelector::default(), listener, hindered)?.run()?,
        Engine::Poll => Service::new(PollSelector::default(), listener, hindered)?.run()?,
        Engine::Epoll => Service::new(EpollSelector::new()?, listener, hindered)?.run()?,
        Engine::Edge => Service::new(EdgeSelector::new()?, listener, hindered)?.run()?,
        Engine::Uring => {
            return Err(Trouble::new("uring no es un motor del laboratorio", "arranca eco_uring"));
        }
    }
    Ok(())
}

/// Escucha en esta máquina, en el puerto que elija el núcleo, y lo anuncia.
fn local() -> io::Result<TcpListener> {
    let listener = listener::listen((Ipv4Addr::LOCALHOST, 0).into())?;
    cli::announce(listener.local_addr()?)?;
    Ok(listener)
}

fn compare(one: &Path, other: &Path) -> Result<(), Trouble> {
    let (one, other) = (saved(one)?, saved(other)?);
    terminal::say(&comparison::text(&one, &other));
    Ok(())
}

fn saved(path: &Path) -> Result<Report, Trouble> {
    Report::read(path).map_err(|error| {
        Trouble::new(
            format!("no se puede leer «{}»: {}", path.display(), reason(&error)),
            "guarda uno con cargo lab --json ARCHIVO",
        )
    })
}

/// Lo que el capítulo muestra. Con `measuring`, antes se mide todo de nuevo.
fn write_the_chapter(measuring: bool) -> Result<(), Trouble> {
    let folder = Path::new(LESSON);
    if measuring {
        let saving =
            |file| Choices { json: Some(folder.join(file)), unopened: true, ..Choices::default() };
        let plan = Plan { engines: Engine::ALL.into(), ..Plan::usual() };
        engines(plan, &saving(book::EXPERIMENT))?;
        measure_web(&saving(book::WEB))?;
        measure_chat(&saving(book::CHAT))?;
        // Una señal pedida y no leída sigue pedida: la ve también quien llegue ahora.
        if Stop::on_signals()?.is_requested() {
            return Err(Trouble::new(
                "se paró antes de acabar, y los datos del capítulo han quedado a medias",
                "repite cargo lab libro --medir, o recupera los de antes con git",
            ));
        }
    }
    let files = book::files(folder).map_err(|error| {
        Trouble::new(
            format!("faltan los datos del capítulo, o no se entienden: {}", reason(&error)),
            "mide de nuevo con cargo lab libro --medir",
        )
    })?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

fn reports() -> io::Result<PathBuf> {
    let folder = Path::new(COURSE).join("laboratorio");
    fs::create_dir_all(&folder)?;
    folder.canonicalize()
}

/// Una ruta, desde la carpeta en la que se está si cuelga de ella.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here).unwrap_or(path).display().to_string()
}

fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    let why = match error.kind() {
        io::ErrorKind::NotFound => "esa carpeta no existe".to_owned(),
        _ => reason(error),
    };
    Trouble::new(
        format!("no se puede escribir «{}»: {why}", path.display()),
        "elige otro archivo, en una carpeta tuya y con sitio, con --json o --informe",
    )
}
