//! `cargo libro`: construye el libro del curso, lo abre y lo rehace mientras se escribe.

mod arguments;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use libro::building::{self, Options, Page};
use libro::epub;
use libro::generated;
use libro::server::Site;
use multiplexacion::cli::{self, Trouble};
use multiplexacion::errors::reason;
use multiplexacion::stop::Stop;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use arguments::{Arguments, Order};

/// De dónde sale el libro.
const WATCHED: [&str; 8] = [
    "book/src",
    "book/dibujos",
    "book/theme",
    "book/ejemplos",
    "book/mas_alla",
    "lessons",
    "exercises",
    "src",
];

/// Cada cuánto se mira si algo cambió.
const GLANCE: Duration = Duration::from_millis(400);

fn main() -> ExitCode {
    let arguments: Arguments = match cli::parse(std::env::args_os()) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match obey(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            cli::complain(&format!("libro: {trouble}"));
            ExitCode::FAILURE
        }
    }
}

fn book() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn obey(arguments: &Arguments) -> Result<(), Trouble> {
    if arguments.serve {
        return serve(arguments);
    }
    let pages = renew(&Options::default())?;
    let folder = book().join(building::OUTPUT);
    let made = match arguments.order {
        Some(Order::Epub) => {
            let target = folder.join("multiplexacion.epub");
            epub::write(&folder, &pages, &target).map_err(|error| cannot_write(&target, &error))?;
            target
        }
        Some(Order::Print) => folder.join("print.html"),
        None => folder.join("index.html"),
    };
    cli::say(&format!("El libro está en {}", made.display()))?;
    if arguments.order != Some(Order::Epub) && !arguments.stay_closed {
        open(&format!("file://{}", made.display()));
    }
    Ok(())
}

/// Pone al día lo que se escribe solo y construye las páginas.
fn renew(options: &Options) -> Result<Vec<Page>, Trouble> {
    generated::refresh(book()).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Trouble::new(error.to_string(), "corrige ese archivo"),
        _ => Trouble::new(
            format!("no se puede poner al día lo que se escribe solo: {}", reason(&error)),
            "revisa los permisos de book/src y de book/theme",
        ),
    })?;
    building::build(book(), options)
}

/// Sirve el libro y lo rehace cuando cambia, hasta Ctrl-C.
fn serve(arguments: &Arguments) -> Result<(), Trouble> {
    // Antes que cualquier hilo: los nuevos heredan la máscara de señales.
    let stop = Stop::on_signals()?;
    let options = Options { reloading: true, ..Options::default() };
    renew(&options)?;
    let site = Site::listen(arguments.port, book().join(building::OUTPUT))
        .map_err(|error| cannot_listen(arguments.port, &error))?;
    site.start()?;
    let address = site.address()?;
    cli::announce(address)?;
    cli::say("El libro se rehace cada vez que guardas; pulsa Ctrl-C para terminar.")?;
    if !arguments.stay_closed {
        open(&format!("http://{address}/"));
    }
    let mut seen = newest();
    while !asked_to_stop(&stop)? {
        let now = newest();
        if now != seen {
            match renew(&options) {
                Ok(_) => site.renew(),
                Err(trouble) => cli::complain(&format!("libro: {trouble}")),
            }
            // Lo que la propia construcción pone al día no cuenta como un cambio.
            seen = newest();
        }
    }
    Ok(())
}

fn asked_to_stop(stop: &Stop) -> io::Result<bool> {
    use std::os::fd::AsFd;
    let mut watched = [PollFd::new(stop.as_fd(), PollFlags::POLLIN)];
    let timeout = PollTimeout::try_from(GLANCE).unwrap_or(PollTimeout::ZERO);
    Ok(poll(&mut watched, timeout)? > 0)
}

/// Cuántos archivos tiene el libro, y cuándo cambió el último.
fn newest() -> (usize, Option<SystemTime>) {
    let root = book().join("..");
    let mut times = Vec::new();
    for folder in WATCHED {
        collect_times(&root.join(folder), &mut times);
    }
    times.extend(fs::metadata(book().join("book.toml")).and_then(|file| file.modified()));
    (times.len(), times.into_iter().max())
}

fn collect_times(folder: &Path, times: &mut Vec<SystemTime>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_times(&path, times);
        } else {
            times.extend(entry.metadata().and_then(|file| file.modified()));
        }
    }
}

/// Sin navegador (un contenedor, otra máquina) queda dicho dónde está el libro.
fn open(place: &str) {
    if opener::open(place).is_err() {
        cli::complain(&format!("libro: no se encuentra un navegador; abre tú {place}"));
    }
}

fn cannot_listen(port: u16, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede escuchar en 127.0.0.1:{port}: {}", reason(error)),
        "elige otro puerto con --port, o deja que el núcleo elija con --port 0",
    )
}

fn cannot_write(path: &Path, error: &io::Error) -> Trouble {
    let path: PathBuf = path.into();
    Trouble::new(
        format!("no se puede escribir {}: {}", path.display(), reason(error)),
        "revisa los permisos de book/salida",
    )
}
