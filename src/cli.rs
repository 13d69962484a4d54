//! Línea de órdenes en español: opciones comunes, ayuda, errores y códigos de salida.
//!
//! Un programa del curso termina con 0 si todo fue bien (también tras Ctrl-C), con 2 si se le
//! llamó mal y con 1 ante cualquier otro problema; en los dos últimos casos, con una sola
//! línea que dice qué pasó y qué probar.

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, Parser};
use errors::reason;
use nix::errno::Errno;

use crate::output::{self, Patience};
use crate::steps;

/// La ayuda de un programa, con sus títulos en español.
const HELP_TEMPLATE: &str = "{about}\n\nUso: {usage}\n\nOpciones:\n{options}{after-help}";

/// Opciones que comparten los programas del curso.
#[derive(Args, Debug)]
pub struct Common {
    /// Dirección o nombre de la máquina, IPv4 o IPv6
    #[arg(long, value_name = "DIRECCIÓN", default_value = "127.0.0.1")]
    pub host: String,

    /// Explica cada paso en la salida de errores
    #[arg(short, long)]
    pub verbose: bool,

    /// Escribe cada paso en ARCHIVO, en JSON Lines, para otras herramientas
    #[arg(long, value_name = "ARCHIVO")]
    pub trace: Option<PathBuf>,

    /// Muestra esta ayuda
    #[arg(short, long, action = ArgAction::Help)]
    help: Option<bool>,

    /// Muestra la versión
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
}

/// Por qué termina un programa: qué pasó y qué probar.
#[derive(Debug)]
pub struct Trouble {
    what: String,
    hint: String,
}

impl Trouble {
    /// `what` y `hint` son frases sin punto final: «el puerto está ocupado», «elige otro».
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Trouble {
        Trouble { what: what.into(), hint: hint.into() }
    }

    /// No se pudo escuchar en `host` y `port`.
    pub fn listening(host: &str, port: u16, error: &io::Error) -> Trouble {
        let place = place(host, port);
        match error.kind() {
            io::ErrorKind::AddrInUse => Trouble::new(
                format!("otro programa ya escucha en {place}"),
                "ciérralo, elige otro puerto con --port, o deja que el núcleo elija con --port 0",
            ),
            io::ErrorKind::PermissionDenied => Trouble::new(
                format!("el sistema no permite escuchar en {place}"),
                "los puertos por debajo de 1024 suelen exigir privilegios; usa uno mayor, como --port 8080",
            ),
            io::ErrorKind::AddrNotAvailable => Trouble::new(
                format!("{host} no es una dirección de esta máquina"),
                "usa --host 127.0.0.1, o --host 0.0.0.0 para todas las que tiene",
            ),
            _ if is_unresolved(error) => Trouble::unresolved(host),
            _ if error.raw_os_error() == Some(Errno::EMFILE as i32) => Trouble::new(
                format!("no se puede escuchar en {place}: {}", reason(error)),
                "pide menos, o sube el límite con ulimit -n",
            ),
            _ => Trouble::new(
                format!("no se puede escuchar en {place}: {}", reason(error)),
                "revisa --host y --port",
            ),
        }
    }

    /// No se pudo conectar con `host` y `port`.
    pub fn connecting(host: &str, port: u16, error: &io::Error) -> Trouble {
        let place = place(host, port);
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Trouble::new(
                format!("nadie escucha en {place}"),
                "arranca antes el servidor, o revisa --host y --port",
            ),
            _ if is_unresolved(error) => Trouble::unresolved(host),
            _ => Trouble::new(
                format!("no se puede conectar con {place}: {}", reason(error)),
                "revisa --host y --port, y que el servidor esté en marcha",
            ),
        }
    }

    /// El sistema no dio un hilo; `option` es la que los pide.
    pub fn no_more_threads(option: &str) -> Trouble {
        Trouble::new(
            "el sistema no da más hilos",
            format!("usa menos {option}, o sube el límite (ulimit -u, ulimit -v)"),
        )
    }

    fn unresolved(host: &str) -> Trouble {
        Trouble::new(
            format!("no se encuentra ninguna máquina llamada «{host}»"),
            "revisa --host; para esta misma máquina es 127.0.0.1",
        )
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. Qué probar: {}.", self.what, self.hint)
    }
}

impl Error for Trouble {}

/// Un fallo del sistema que no tiene un consejo propio.
impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::new(reason(&error), "repítelo con -v para ver en qué paso ocurre")
    }
}

/// Lee los argumentos del programa `name`, los comunes y los suyos; enciende la traza, ejecuta
/// `run` y convierte lo que ocurra en un código de salida.
///
/// Mientras `run` dura, lo que se diga no espera a quien lo lee: ni un cliente ni Ctrl-C deben
/// esperar a una tubería que nadie vacía.
pub fn start<A: Args>(
    name: &'static str,
    run: impl FnOnce(Common, A) -> Result<(), Trouble>,
) -> ExitCode {
    let arguments = matches(program::<A>(name), std::env::args_os())
        .and_then(|found| Ok((Common::from_arg_matches(&found)?, A::from_arg_matches(&found)?)));
    let (common, own) = match arguments {
        Ok(arguments) => arguments,
        Err(error) => return explain(name, &error),
    };
    output::set_patience(Patience::Never);
    let code = match start_trace(&common).and_then(|()| run(common, own)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            complain(&format!("{name}: {trouble}"));
            ExitCode::FAILURE
        }
    };
    steps::finish();
    output::finish();
    code
}

/// Un programa del curso: cómo se llama, cómo se usa y qué opciones tiene, primero las suyas.
fn program<A: Args>(name: &'static str) -> Command {
    let command = Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .help_template(HELP_TEMPLATE)
        .override_usage(format!("{name} [OPCIONES]"))
        .disable_help_flag(true)
        .disable_version_flag(true);
    let own = A::augment_args(command);
    // El comentario de [`Common`] no es el del programa.
    let about = own.get_about().cloned().unwrap_or_default();
    Common::augment_args(own).about(about)
}

/// Lee los argumentos de una herramienta del curso. Errores: se pidió ayuda, o no se entiende lo
/// que se pide; ya está dicho, y queda el código de salida.
pub fn parse<A: Parser>(words: impl IntoIterator<Item = OsString>) -> Result<A, ExitCode> {
    matches(A::command(), words)
        .and_then(|found| A::from_arg_matches(&found))
        .map_err(|error| explain(A::command().get_name(), &error))
}

fn matches(
    command: Command,
    words: impl IntoIterator<Item = OsString>,
) -> Result<ArgMatches, clap::Error> {
    in_house_style(command).try_get_matches_from(words)
}

/// `--port -1` es un puerto que no vale, y no una opción llamada `-1`; y la ayuda de cada opción
/// termina con lo que vale si no se da.
fn in_house_style(command: Command) -> Command {
    command.allow_negative_numbers(true).mut_args(with_default).mut_subcommands(in_house_style)
}

fn with_default(option: Arg) -> Arg {
    let help = match (option.get_help(), option.get_default_values()) {
        (Some(help), [value]) => format!("{help} (por omisión, {})", value.to_string_lossy()),
        _ => return option,
    };
    option.help(help).hide_default_value(true)
}

fn start_trace(common: &Common) -> Result<(), Trouble> {
    steps::start(common.verbose, common.trace.as_deref()).map_err(|error| {
        let file = common.trace.as_deref().unwrap_or_else(|| "".as_ref()).display();
        match error.raw_os_error().map(Errno::from_raw) {
            Some(Errno::ENXIO) => Trouble::new(
                format!("nadie lee en «{file}», y no se puede escribir la traza"),
                format!("arranca antes a quien la lea, como cat {file}"),
            ),
            _ => Trouble::new(
                format!("no se puede escribir la traza en «{file}»: {}", reason(&error)),
                "indica con --trace un archivo en una carpeta tuya",
            ),
        }
    })
}

/// Escribe una línea en la salida estándar, ya. Si no cabe, una herramienta espera a quien lee, y
/// un servidor no: véase [`output`]. Errores: se fue quien leía, o no queda disco.
pub fn say(line: &str) -> io::Result<()> {
    output::stdout().put(&format!("{line}\n"))
}

/// Anuncia, en la primera línea de la salida estándar, la dirección real en la que se escucha.
///
/// Se llama después de `listen`: cuando alguien la lee, ya es verdad. Que no la lea nadie (`| true`)
/// no es un error: los clientes pueden saberla por otro camino. Errores: no queda disco.
pub fn announce(address: std::net::SocketAddr) -> io::Result<()> {
    match say(&format!("Escuchando en {address}")) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Escribe una línea en la salida de errores, con las reglas de [`say`].
pub fn complain(line: &str) {
    // Si ni siquiera hay salida de errores, queda el código de salida.
    let _ = output::stderr().put(&format!("{line}\n"));
}

/// `getaddrinfo` no deja un número de error del sistema, y `std` no le da un `ErrorKind`
/// estable: se reconoce porque no tiene ni lo uno ni lo otro.
fn is_unresolved(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

fn place(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Muestra la ayuda o la versión, o explica en una línea el error de uso.
fn explain(name: &str, error: &clap::Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Quien cierra la tubería antes de leerlo todo (`| head -1`) ya tiene lo que quería.
            let _ = say(error.to_string().trim_end());
            ExitCode::SUCCESS
        }
        _ => {
            let problem = usage_problem(error);
            let stop = if problem.ends_with('?') { "" } else { "." };
            complain(&format!("{name}: {problem}{stop} Prueba con --help."));
            ExitCode::from(2)
        }
    }
}

fn usage_problem(error: &clap::Error) -> String {
    let context = |kind| error.get(kind).map(context_text).unwrap_or_default();
    let argument = context(ContextKind::InvalidArg);
    let value = context(ContextKind::InvalidValue);
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let order = context(ContextKind::InvalidSubcommand);
            match context(ContextKind::SuggestedSubcommand) {
                similar if similar.is_empty() => format!("no existe la orden «{order}»"),
                similar => {
                    // clap las da de menos a más parecida.
                    let nearest = similar.rsplit(", ").next().unwrap_or_default();
                    format!("no existe la orden «{order}»; ¿querías decir «{nearest}»?")
                }
            }
        }
        ErrorKind::UnknownArgument if !argument.starts_with('-') => format!("sobra «{argument}»"),
        ErrorKind::UnknownArgument => match context(ContextKind::SuggestedArg) {
            similar if similar.is_empty() => format!("no existe la opción «{argument}»"),
            similar => format!("no existe la opción «{argument}»; ¿querías decir «{similar}»?"),
        },
        ErrorKind::MissingRequiredArgument => format!("falta {argument}"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation if value.is_empty() => {
            format!("falta el valor de «{argument}»")
        }
        ErrorKind::ValueValidation => {
            let rule = error.source().map(ToString::to_string).unwrap_or_default();
            format!("«{value}» no sirve para «{argument}»: {rule}")
        }
        ErrorKind::ArgumentConflict => match context(ContextKind::PriorArg) {
            other if other == argument || other.is_empty() => {
                format!("«{argument}» aparece más de una vez")
            }
            other => format!("«{argument}» y «{other}» no pueden ir juntas"),
        },
        ErrorKind::TooManyValues => format!("«{argument}» no lleva valor, y le diste «{value}»"),
        ErrorKind::InvalidUtf8 => "hay un argumento que no es texto UTF-8".to_owned(),
        _ => "los argumentos no son válidos".to_owned(),
    }
}

fn context_text(value: &ContextValue) -> String {
    let text = match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.join(", "),
        other => other.to_string(),
    };
    // Lo que se escribió en la línea de órdenes vuelve a la terminal: que no le dé órdenes.
    text.replace(char::is_control, "\u{FFFD}")
}

/// Valida un puerto; si no lo es, dice la regla que no cumple.
pub fn port(text: &str) -> Result<u16, String> {
    text.parse().map_err(|_| "debe ser un número de 0 a 65535".to_owned())
}

/// Valida una cantidad de al menos uno; si no lo es, dice la regla que no cumple.
pub fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(number @ 1..=100_000) => Ok(number),
        _ => Err("debe ser un número de 1 a 100000".to_owned()),
    }
}

/// Valida un plazo en segundos, con decimales si hacen falta: `10`, `0.5`; si no lo es, dice la
/// regla que no cumple.
pub fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| {
            (Duration::from_millis(1)..=Duration::from_secs(86_400)).contains(duration)
        })
        .ok_or_else(|| "debe ser un número de segundos, de 0.001 a 86400".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_plazos_admiten_decimales_y_rechazan_lo_que_no_es_un_tiempo() {
        assert_eq!(seconds("0.25").unwrap(), Duration::from_millis(250));
        for wrong in ["0", "-1", "NaN", "inf", "diez", "1e9", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn un_puerto_cabe_en_dieciséis_bits() {
        assert_eq!(port("65535"), Ok(65_535));
        for wrong in ["65536", "-1", "http", ""] {
            assert!(port(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn cada_fallo_al_escuchar_tiene_su_consejo() {
        let say = |kind: io::ErrorKind| Trouble::listening("::1", 80, &kind.into()).to_string();
        assert!(say(io::ErrorKind::AddrInUse).contains("[::1]:80"));
        assert!(say(io::ErrorKind::PermissionDenied).contains("1024"));
        assert!(say(io::ErrorKind::AddrNotAvailable).contains("no es una dirección"));
    }
}
