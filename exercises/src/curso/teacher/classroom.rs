//! `clase`: los trabajos de muchas personas, con las pruebas de este curso y no con las suyas.

use std::cell::OnceCell;
use std::fs::{self, File};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors;
use multiplexacion::stop::Stop;
use nix::fcntl::{Flock, FlockArg};

use super::allowance::Resource;
use super::compile::{Bench, Compiled};
use super::exports::{to_canvas, to_gradescope, to_moodle};

use super::handed::{Hand, Handed, print, tell_apart};
use super::mark::{Graded, Mark, percent, totals};
use super::plain::{file_name, harmless};
use super::plan::Plan;
use super::published;
use super::report::to_report;
use super::summary::{idle, stumbles};
use super::table::{Row, Table};
use super::toolbox::Toolbox;
use super::wall::Wall;
use crate::course::{Course, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, all_side_by_side};
use crate::workshop;

/// Lo que puede durar la entrega entera de una persona: una correcta tarda unos veinte segundos.
const TURN: Duration = Duration::from_secs(600);

/// Lo que se pide.
#[derive(Debug, Default)]
pub(crate) struct Request {
    /// Las carpetas; con `from_ci`, los repositorios.
    pub(crate) folders: Vec<PathBuf>,
    /// Qué ejercicios cuentan y cuánto, en un archivo.
    pub(crate) plan: Option<PathBuf>,
    /// Solo estos ejercicios o lecciones.
    pub(crate) only: Vec<String>,
    /// La tabla, en CSV. Si ya está, se continúa.
    pub(crate) csv: Option<PathBuf>,
    /// Una carpeta, con un informe por persona.
    pub(crate) reports: Option<PathBuf>,
    pub(crate) moodle: Option<PathBuf>,
    pub(crate) canvas: Option<PathBuf>,
    /// El `results.json` de una sola entrega.
    pub(crate) gradescope: Option<PathBuf>,
    /// Lo que puede durar compilar un ejercicio, y pasar sus pruebas.
    pub(crate) time: Duration,
    /// Sin muro.
    pub(crate) unwalled: bool,
    /// En lugar de calificar, reúne lo que publicó la integración continua de cada cual.
    pub(crate) from_ci: bool,
}

/// Prueba lo que hay en cada carpeta, y escribe una tabla.
pub(crate) fn classroom(course: &Course, request: &Request) -> Result<(), Trouble> {
    close_inherited();
    let plan = Plan::choose(course, request.plan.as_deref(), &request.only)?;
    if let Some(folder) = &request.reports {
        fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    }
    if request.gradescope.is_some() && request.folders.len() != 1 {
        return Err(Trouble::new(
            "--gradescope es el resultado de una sola entrega",
            "indica una carpeta, o usa --csv para muchas",
        ));
    }
    let mut table = Table::open(&plan, request.csv.as_deref())?;
    let rows = if request.from_ci {
        collect(course, &plan, request, &mut table)?
    } else {
        grade(course, &plan, request, &mut table)?
    };
    table.rewrite(&rows)?;
    // De quien no se sabe cómo le fue no se dice nada más, ni se exporta un cero.
    let (known, unknown): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.unknown().is_none());
    let legend = legend(&plan, !unknown.is_empty());
    let texts = [Some(legend), unheard(&unknown), idle(&known), stumbles(&plan, &known)];
    for text in texts.into_iter().flatten() {
        paint::say(&format!("\n{text}"));
    }
    export(&plan, request, &known)
}

/// De quiénes no se sabe nada.
fn unheard(rows: &[Row]) -> Option<String> {
    let names: Vec<_> = rows.iter().map(|row| row.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "No se sabe de: {}.\nCuando se arregle, pide solo esos: con el mismo --csv, las demás filas \
             se quedan.",
            names.join(", ")
        )
    })
}

/// Lo que leen otros programas.
fn export(plan: &Plan<'_>, request: &Request, rows: &[Row]) -> Result<(), Trouble> {
    if let Some(file) = &request.moodle {
        write(file, to_moodle(plan, rows))?;
    }
    if let Some(file) = &request.canvas {
        write(file, to_canvas(plan, rows))?;
    }
    if let (Some(file), Some(row)) = (&request.gradescope, rows.first()) {
        write(file, to_gradescope(plan, row).map_err(std::io::Error::from)?)?;
    }
    Ok(())
}

/// Reúne lo publicado.
fn collect(
    course: &Course,
    plan: &Plan<'_>,
    request: &Request,
    table: &mut Table<'_>,
) -> Result<Vec<Row>, Trouble> {
    let names: Vec<_> =
        request.folders.iter().map(|it| it.to_string_lossy().into_owned()).collect();
    let pending = published::pending(plan);
    let (mut rows, mut kept) = (Vec::new(), 0);
    for name in &names {
        let row = if let Some(row) = table.done(&harmless(name), &pending) {
            kept += 1;
            row
        } else {
            let folder = workshop::empty(course, "publicado")?;
            let row = published::collect(plan, name, &folder)?;
            table.add(&row)?;
            row
        };
        show(plan, &row, &names);
        rows.push(row);
    }
    // Ya están todas: la próxima vez se pregunta de nuevo, que habrán publicado otra cosa.
    for row in &mut rows {
        row.print.clear();
    }
    if kept > 0 {
        paint::say(&format!("\nDe antes de interrumpirse, sin volver a pedirlas: {kept}."));
    }
    paint::say(
        "\nLo publicó la integración continua de cada cual, que puede cambiarlo: orienta, y no es una \
         nota.",
    );
    Ok(rows)
}

/// Califica cada entrega.
fn grade(
    course: &Course,
    plan: &Plan<'_>,
    request: &Request,
    table: &mut Table<'_>,
) -> Result<Vec<Row>, Trouble> {
    let abandoned = on_signals()?;
    let _turn = alone(course)?;
    let shop = Shop {
        course,
        unwalled: request.unwalled,
        time: request.time,
        stop: &abandoned,
        wall: OnceCell::new(),
        tools: OnceCell::new(),
    };
    let hands = hands(plan, &request.folders);
    let names: Vec<_> = hands.iter().map(|hand| hand.name.clone()).collect();
    let mut rows = Vec::new();
    for hand in &hands {
        let handed: Vec<_> =
            plan.entries.iter().map(|entry| hand.of(entry)).collect::<Result<_, _>>()?;
        let print = print(plan, &handed);
        let done = request.gradescope.is_none().then(|| table.done(&hand.name, &print)).flatten();
        let row = if let Some(row) = done.filter(|_| has_report(request, &hand.name)) {
            row
        } else {
            let results = results(&shop, plan, &handed);
            // También si lo interrumpido fue prepararse.
            if abandoned.load(Ordering::Relaxed) {
                return Err(interrupted(rows.len(), hands.len(), request));
            }
            let results = results?;
            let moment = hand.moment(plan, || shop.wall());
            let row =
                Row { name: hand.name.clone(), results, moment, source: "clase".to_owned(), print };
            if let Some(folder) = &request.reports {
                write(&folder.join(file_name(&row.name)), to_report(plan, &row))?;
            }
            table.add(&row)?;
            row
        };
        show(plan, &row, &names);
        rows.push(row);
    }
    Ok(rows)
}

/// Con qué se califica. Se prepara la primera vez que hace falta: quien no empezó no necesita nada.
struct Shop<'a> {
    course: &'a Course,
    unwalled: bool,
    time: Duration,
    stop: &'a Arc<AtomicBool>,
    wall: OnceCell<Wall>,
    tools: OnceCell<Toolbox>,
}

impl Shop<'_> {
    fn wall(&self) -> Result<&Wall, Trouble> {
        if let Some(wall) = self.wall.get() {
            return Ok(wall);
        }
        let wall = if self.unwalled {
            Wall::none(workshop::empty(self.course, "vacia")?)
        } else {
            Wall::raise(workshop::empty(self.course, "puerta")?)?
        };
        Ok(self.wall.get_or_init(|| wall))
    }

    fn bench(&self) -> Result<Bench<'_>, Trouble> {
        let bench = |tools| {
            Ok(Bench {
                course: self.course,
                wall: self.wall()?,
                tools,
                time: self.time,
                stop: self.stop,
            })
        };
        if let Some(tools) = self.tools.get() {
            return bench(tools);
        }
        self.wall()?;
        let tools = Toolbox::assemble(self.course, self.stop)?;
        let bench = bench(self.tools.get_or_init(|| tools))?;
        bench.rehearse()?;
        Ok(bench)
    }
}

/// Si no se pidió su informe, o ya está.
fn has_report(request: &Request, name: &str) -> bool {
    request.reports.as_ref().is_none_or(|folder| folder.join(file_name(name)).exists())
}

fn interrupted(done: usize, all: usize, request: &Request) -> Trouble {
    let hint = if request.csv.is_some() {
        "repite la misma orden para seguir donde se quedó"
    } else {
        "con --csv, la próxima vez se podrá seguir donde se quede"
    };
    Trouble::new(format!("se interrumpió con {done} de {all} entregas calificadas"), hint)
}

/// Las entregas que hay en esas carpetas.
fn hands(plan: &Plan<'_>, folders: &[PathBuf]) -> Vec<Hand> {
    let mut hands = Vec::new();
    for path in folders {
        let data = fs::symlink_metadata(path);
        // `entregas/*` también encuentra archivos, que no son de nadie, y enlaces, que son de otro.
        if data.as_ref().is_ok_and(|data| !data.is_dir()) {
            let what = if data.is_ok_and(|it| it.is_symlink()) {
                "es un enlace"
            } else {
                "no es una carpeta"
            };
            cli::complain(&format!("curso: «{}» {what}: no se califica.", path.display()));
        } else {
            hands.push(Hand::find(path, plan));
        }
    }
    tell_apart(&mut hands);
    hands
}

/// Los resultados de una entrega. Primero se compila todo y después se prueba: las pruebas tienen
/// plazos, y a quien compila al lado le sobra el procesador.
fn results(
    shop: &Shop<'_>,
    plan: &Plan<'_>,
    handed: &[Handed<'_>],
) -> Result<Vec<Graded>, Trouble> {
    if !handed.iter().any(|handed| matches!(handed, Handed::Work(_))) {
        return Ok(handed.iter().map(untried).collect());
    }
    let bench = &shop.bench()?;
    let started = Instant::now();
    let over = || started.elapsed() > TURN || bench.stop.load(Ordering::Relaxed);
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let compile = |handed: &Handed<'_>| match handed {
        Handed::Work(_) if over() => Ok(Some(Compiled::Exhausted(Resource::Time))),
        Handed::Work(work) => bench.compile(work).map(Some),
        _ => Ok(None),
    };
    let built = all_side_by_side(handed, processors, compile)?;
    let places: Vec<_> = (0..handed.len()).collect();
    let judge = |&place: &usize| {
        let entry = &plan.entries[place];
        match (&handed[place], &built[place]) {
            (Handed::Work(work), Some(_)) if over() => Ok(Graded::out_of_turn(work)),
            (Handed::Work(_), Some(built)) => Graded::of(bench, entry, built),
            (other, _) => Ok(untried(other)),
        }
    };
    let mut results = all_side_by_side(&places, SIDE_BY_SIDE, judge)?;
    for (place, result) in results.iter_mut().enumerate() {
        // Lo que casi pasa se repite, ahora a solas: quizá era la máquina la que no llegaba a tiempo.
        if result.is_close(&plan.entries[place]) && !over() {
            let again = judge(&places[place])?;
            if again.points > result.points {
                *result = again;
            }
        }
    }
    Ok(results)
}

/// Lo que no se prueba, y por qué.
fn untried(handed: &Handed<'_>) -> Graded {
    match handed {
        Handed::Huge => {
            Graded::because(Mark::Uncompiled, "El archivo pasa de 1 MiB: no se compila.")
        }
        Handed::Unreadable(why) => {
            Graded::because(Mark::Missing, format!("No se puede leer su ejercicio.rs: {why}."))
        }
        Handed::Untouched => Graded::untried(Mark::Untouched),
        Handed::Work(_) | Handed::Missing => Graded::untried(Mark::Missing),
    }
}

/// La línea de una persona.
fn show(plan: &Plan<'_>, row: &Row, names: &[String]) {
    let widest = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    let signs: Vec<_> = row.results.iter().map(|result| result.mark.sign()).collect();
    let outcome = outcome(plan, row);
    paint::say(&format!("{:widest$}  {}  {outcome}", row.name, signs.join(" ")));
}

fn outcome(plan: &Plan<'_>, row: &Row) -> String {
    if let Some(why) = row.unknown() {
        return format!("no se sabe: {why}");
    }
    let (passed, points) = totals(&row.results);
    let (maximum, all) = (plan.maximum(), row.results.len());
    let percent = percent(points, maximum);
    format!("{passed} de {all}, {points} de {maximum} puntos ({percent})")
}

fn legend(plan: &Plan<'_>, unknown: bool) -> String {
    let ids: Vec<_> = plan.ids().collect();
    let unknown = if unknown { "   ? no se sabe" } else { "" };
    format!(
        "Columnas: {}.\n✓ superado   ✗ falla   c no compila   ! no termina, o agota tiempo, memoria, \
         procesos o disco   · sin empezar   - falta{unknown}",
        ids.join(", ")
    )
}

/// Cierra lo que dejó abierto quien arrancó esto, para que no llegue detrás del muro. Se hace antes de
/// abrir nada.
fn close_inherited() {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let open: Vec<i32> = open.filter_map(|it| it.file_name().to_str()?.parse().ok()).collect();
    for descriptor in open.into_iter().filter(|descriptor| *descriptor > 2) {
        // El de la carpeta que se acaba de leer ya no está.
        let _ = nix::unistd::close(descriptor);
    }
}

/// Desde ahora, Ctrl-C y SIGTERM dejan a medias lo que se esté haciendo, y nada más.
fn on_signals() -> Result<Arc<AtomicBool>, Trouble> {
    let requested = Arc::new(AtomicBool::new(false));
    let (signals, noted) = (Stop::on_signals()?, Arc::clone(&requested));
    thread::spawn(move || {
        if signals.wait().is_ok() {
            noted.store(true, Ordering::Relaxed);
        }
    });
    Ok(requested)
}

/// El taller, para una sola clase a la vez.
fn alone(course: &Course) -> Result<Flock<File>, Trouble> {
    let folder = workshop::folder(course, "clase");
    fs::create_dir_all(&folder)?;
    let file = File::create(folder.join("turno"))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| {
        Trouble::new(
            "otra «clase» está en marcha en esta copia del curso",
            "espera a que termine, o usa otra copia",
        )
    })
}

fn cannot_write(folder: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede crear «{}»: {}", folder.display(), errors::reason(error)),
        "indica otra carpeta con --informes",
    )
}
