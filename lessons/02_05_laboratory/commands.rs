//! Lo que hace cada orden.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::listener;
use multiplexacion::stop::Stop;
use serde::Serialize;

use crate::arguments::{Choices, Order, Request};
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
use crate::report::file::Saving;
use crate::report::progress::Bar;
use crate::report::{book, browser, experiment, terminal};
use crate::results::{Report, json};
use crate::service::Service;
use crate::wording::count;
use crate::{chat, programs, web};

/// La carpeta del curso, en la que se compiló este programa.
pub const COURSE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// Lo que se dice si se para antes de tiempo: el informe que hubiera vale más que uno vacío.
const NOTHING_YET: &str = "Se paró antes de medir nada: no se escribe ningún informe.";

/// La carpeta de esta lección.
pub const LESSON: &str = env!("CARGO_MANIFEST_DIR");

/// Hace lo que se pide.
///
/// # Errors
/// Qué pasó y qué probar.
pub fn obey(request: Request) -> Result<(), Trouble> {
    let Request { order, choices } = request;
    let measuring = !matches!(
        order,
        Some(Order::Servidor { .. } | Order::Suelo | Order::Comparar { .. } | Order::Libro { .. })
    );
    if cfg!(debug_assertions) && measuring {
        terminal::note(
            "Compilado sin optimizar: las cifras no valen. «cargo lab» compila como hace falta.",
        );
    }
    if measuring && another_measures() {
        terminal::note(
            "Otro laboratorio está midiendo en esta máquina, y cada uno estropea las cifras del otro: \
             para este con Ctrl-C, y repítelo cuando acabe.",
        );
    }
    match order {
        None => experiment(Plan::usual(), &choices),
        Some(Order::Rapido) => experiment(Plan::quick(), &choices),
        Some(Order::Completo) => experiment(Plan::thorough(), &choices),
        Some(Order::Comparar { uno, otro }) => compare(&uno, &otro),
        Some(Order::Web { rondas }) => measure_web(rondas, &choices),
        Some(Order::Chat { rondas }) => measure_chat(rondas, &choices),
        Some(Order::Libro { medir }) => write_the_chapter(medir),
        Some(Order::Servidor { motor, estorbo }) => serve(motor, estorbo),
        Some(Order::Suelo) => Ok(web::floor::serve(&local()?)?),
    }
}

fn experiment(plan: Plan, choices: &Choices) -> Result<(), Trouble> {
    // Antes que nada: Ctrl-C es desde aquí un descriptor, y se mira entre una medida y otra.
    let stop = Stop::on_signals()?;
    let outputs = Outputs::prepare(choices, "informe.html")?;
    let mut plan = chosen(plan, choices);
    explain_descriptors(&mut plan);
    let uring = plan.engines.contains(&Engine::Uring).then(programs::uring).flatten();
    if uring.is_none() {
        plan.engines.retain(|&engine| engine != Engine::Uring);
    }
    let laboratory = Laboratory {
        program: std::env::current_exe()?,
        uring,
        cores: Cores::split()?,
        hindered: None,
    };

    let bar = Bar::start();
    let report = laboratory.experiment(plan, &stop, |progress| bar.show(progress));
    bar.finish();

    if !report.complete && report.is_empty() {
        terminal::note(NOTHING_YET);
        return Ok(());
    }
    terminal::show(&report);
    if report.is_empty() {
        return Err(Trouble::new(
            "no se pudo medir ningún caso",
            "lee los avisos de arriba, y prueba con menos: cargo lab rapido",
        ));
    }
    outputs.write(&report, &experiment::page(&report), report.complete)
}

/// Dónde van los datos y la página.
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
        let page = match &choices.informe {
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
        Ok(Outputs { json, page, open: !choices.no_abrir })
    }

    /// Los escribe, dice dónde está la página y la abre. Si falla uno, el otro se escribe igual:
    /// medir costó minutos.
    fn write(&self, data: &impl Serialize, page: &str, complete: bool) -> Result<(), Trouble> {
        let save = |saving: &Saving, content: &str| {
            saving.save(content).map_err(|error| unwritable(saving.path(), &error))
        };
        let json = self.json.as_ref().map_or(Ok(()), |saving| save(saving, &json(data)?));
        save(&self.page, page)?;
        let which = if complete { "El informe" } else { "El informe, a medias" };
        terminal::say(&format!("\n{which}, con sus gráficas: {}", shown(self.page.path())));
        if self.open && complete {
            browser::open(self.page.path());
        }
        json
    }
}

fn chosen(mut plan: Plan, choices: &Choices) -> Plan {
    if !choices.motores.is_empty() {
        plan.engines =
            Engine::ALL.into_iter().filter(|engine| choices.motores.contains(engine)).collect();
    }
    if !choices.conexiones.is_empty() {
        plan = plan.with_connections(&choices.conexiones);
    }
    plan
}

/// Sube el límite de descriptores, recorta lo que aun así no quepa y lo dice.
fn explain_descriptors(plan: &mut Plan) {
    let (before, now) = raise_descriptor_limit();
    if now > before {
        terminal::note(&format!(
            "El límite de descriptores pasa de {} a {}, solo para este experimento.",
            count(before),
            count(now)
        ));
    }
    let wanted = plan.idle.iter().chain(&plan.busy).max().copied().unwrap_or(0);
    if plan.fit(now) {
        terminal::note(&format!(
            "Con {} descriptores no caben {} conexiones: se mide hasta donde se puede. El límite lo \
             pone el sistema (ulimit -Hn).",
            count(now),
            count(wanted as u64)
        ));
    }
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
        let why = if error.kind() == io::ErrorKind::Other {
            error.to_string()
        } else {
            cli::reason(&error)
        };
        Trouble::new(
            format!("no se puede leer «{}»: {why}", path.display()),
            "guarda uno con cargo lab --json ARCHIVO",
        )
    })
}

fn measure_web(rounds: usize, choices: &Choices) -> Result<(), Trouble> {
    raise_descriptor_limit();
    let stop = Stop::on_signals()?;
    let outputs = Outputs::prepare(choices, "web.html")?;
    let outcome = match web::measure(rounds, &Cores::split()?, &stop) {
        Ok(outcome) if !outcome.is_empty() => outcome,
        other => return nothing(other.err(), &stop),
    };
    terminal::say(web::report::text(&outcome).trim_end());
    outputs.write(&outcome, &web::report::page(&outcome), outcome.complete)
}

fn measure_chat(rounds: usize, choices: &Choices) -> Result<(), Trouble> {
    raise_descriptor_limit();
    let stop = Stop::on_signals()?;
    let outputs = Outputs::prepare(choices, "chat.html")?;
    let outcome = match chat::measure(rounds, &Cores::split()?, &stop) {
        Ok(outcome) if !outcome.is_empty() => outcome,
        other => return nothing(other.err(), &stop),
    };
    terminal::say(chat::report::text(&outcome).trim_end());
    outputs.write(&outcome, &chat::report::page(&outcome), outcome.complete)
}

/// No se midió nada: porque alguien lo paró, quizá a mitad de compilar, o porque no se pudo.
fn nothing(trouble: Option<Trouble>, stop: &Stop) -> Result<(), Trouble> {
    if stop.is_requested() {
        terminal::note(NOTHING_YET);
        return Ok(());
    }
    Err(trouble.unwrap_or_else(|| {
        Trouble::new("no se pudo medir nada", "mira con cargo test si las lecciones funcionan aquí")
    }))
}

/// Lo que el capítulo muestra. Con `measuring`, antes se mide todo de nuevo.
fn write_the_chapter(measuring: bool) -> Result<(), Trouble> {
    let folder = Path::new(LESSON);
    if measuring {
        let saving =
            |file| Choices { json: Some(folder.join(file)), no_abrir: true, ..Choices::default() };
        let plan = Plan { engines: Engine::ALL.into(), ..Plan::usual() };
        experiment(plan, &saving(book::EXPERIMENT))?;
        measure_web(web::ROUNDS, &saving(book::WEB))?;
        measure_chat(chat::ROUNDS, &saving(book::CHAT))?;
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
            format!("faltan los datos del capítulo, o no se entienden: {}", cli::reason(&error)),
            "mide de nuevo con cargo lab libro --medir",
        )
    })?;
    for (name, content) in files {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

/// La carpeta de los informes.
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
        _ => cli::reason(error),
    };
    Trouble::new(
        format!("no se puede escribir «{}»: {why}", path.display()),
        "elige otro archivo, en una carpeta tuya y con sitio, con --json o --informe",
    )
}
