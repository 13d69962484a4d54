//! Ver por dentro: cada paso de un programa, para las personas (`-v`) y para las herramientas
//! (`--trace ARCHIVO`).
//!
//! Un paso se cuenta en una línea, junto a lo que describe: `Step::Resume { fd }.tell()`.
//! `-v` escribe su frase en la salida de errores, precedida de los segundos desde el arranque;
//! `--trace` escribe sus campos. Apagados, cada paso cuesta leer un puntero y compararlo.
//!
//! # El formato de `--trace`
//!
//! JSON Lines: un objeto por línea, en el orden en que ocurrió cada paso dentro de su hilo. Lo
//! definen estos tipos: los campos de un registro son `us`, `thread`, `file` y `line`, más los
//! de su [`Step`], con el nombre del paso en `what`. Así un programa puede leerlo:
//!
//! | campo | tipo | qué es |
//! |---|---|---|
//! | `us` | entero | microsegundos desde que arrancó el programa |
//! | `thread` | texto | nombre del hilo |
//! | `file`, `line` | texto, entero | dónde está, en el código, la línea que cuenta el paso |
//! | `what` | texto | el paso: `listen`, `wait`, `ready`, `accept`, `read`, `write`, `register`, `modify`, `refuse`, `timeout`, `leave`, `shutdown`, `close`, `pause`, `resume`, `stdin`, `stop`, `lost` |
//! | `fd` | entero | descriptor de archivo, si el paso es sobre uno |
//! | `client` | entero | identificador del cliente, que no se reutiliza |
//! | `bytes` | entero | bytes leídos o escritos |
//! | `result` | texto o entero | lo que dio: cuántos listos (`wait`), sobre qué (`ready`: `EPOLLIN`…), por qué (`close`), cuántos registros faltan (`lost`) o el error |
//!
//! `us`, `thread`, `file`, `line` y `what` están siempre; los demás, cuando tienen sentido. Quien
//! lea el formato debe pasar por alto los campos que no conozca.

use std::fmt::{self, Display};
use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::panic::Location;
use std::path::Path;
use std::sync::OnceLock;
use std::thread;
use std::time::Instant;

use nix::fcntl::OFlag;
use serde::{Serialize, Serializer};

use crate::client_id::ClientId;
use crate::output::{self, Lines, Output};

/// Quien anota los pasos, si se pidió que alguien lo haga.
static RECORDER: OnceLock<Recorder> = OnceLock::new();

/// Enciende lo que se haya pedido; sin `-v` ni `--trace` no hace nada. Errores: el archivo de
/// `--trace` no se puede crear, o es una tubería que nadie lee (ENXIO, fifo(7)).
pub fn start(verbose: bool, trace: Option<&Path>) -> io::Result<()> {
    if verbose || trace.is_some() {
        let records = trace.map(records_in).transpose()?;
        // Si ya estaba encendido, lo sigue estando como se pidió entonces.
        let _ = RECORDER.set(Recorder { origin: Instant::now(), verbose, records });
    }
    Ok(())
}

/// Sin bloqueo: abrir una tubería con nombre esperaría a que alguien la abriera para leer.
fn records_in(path: &Path) -> io::Result<Lines> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).custom_flags(flags.bits());
    Ok(Lines::new(Output::to(options.open(path)?), lost_records))
}

/// Antes de terminar: espera a que salga lo atrasado. Véase [`Lines::finish`].
pub fn finish() {
    let records = RECORDER.get().and_then(|recorder| recorder.records.as_ref());
    records.into_iter().for_each(Lines::finish);
}

/// Si alguien los oye: para los pasos cuyos campos cuesta reunir.
pub fn are_told() -> bool {
    RECORDER.get().is_some()
}

/// Algo que un programa acaba de hacer o de saber. Sus campos son los de la tabla; los que solo
/// salen en la frase de `-v` no van al registro.
#[derive(Clone, Copy, Serialize)]
#[serde(tag = "what", rename_all = "lowercase")]
#[expect(missing_docs, reason = "los campos se explican una vez, en la tabla del módulo")]
pub enum Step<'a> {
    /// El núcleo ya acepta conexiones por nosotros: listen(2).
    Listen { fd: RawFd },
    /// El bucle va a dormir en esa llamada, con tantos clientes.
    #[serde(rename = "wait")]
    Sleep {
        #[serde(skip)]
        call: &'static str,
        #[serde(skip)]
        clients: usize,
    },
    /// El bucle despertó: cuántos descriptores están listos.
    #[serde(rename = "wait")]
    Wake {
        #[serde(skip)]
        call: &'static str,
        result: usize,
    },
    /// Un cliente está listo, y para qué.
    Ready { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// Un cliente nuevo, y desde dónde se conectó: accept(2).
    Accept {
        fd: RawFd,
        client: ClientId,
        #[serde(skip)]
        address: SocketAddr,
    },
    /// Una lectura: read(2). Cero bytes es el final.
    Read { fd: RawFd, client: ClientId, bytes: usize },
    /// Una escritura: write(2). Si admite menos de lo pendiente, el búfer del núcleo se llenó.
    Write {
        fd: RawFd,
        client: ClientId,
        bytes: usize,
        #[serde(skip)]
        pending: usize,
    },
    /// Una lectura que falló, y por qué.
    #[serde(rename = "read")]
    ReadFailed { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// Una escritura que falló, y por qué.
    #[serde(rename = "write")]
    WriteFailed { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// Un cliente más en `epoll`, y para qué: epoll_ctl(2).
    Register { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// El socket que escucha, en `epoll`.
    #[serde(rename = "register")]
    RegisterListener { fd: RawFd, result: Shown<'a> },
    /// Cambia lo que `epoll` vigila de un cliente: epoll_ctl(2).
    Modify { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// Una petición que no se atiende: con qué código se responde, y por qué.
    Refuse {
        client: ClientId,
        result: u16,
        #[serde(skip)]
        reason: &'a str,
    },
    /// Se agotó el plazo de un cliente.
    Timeout { fd: RawFd, client: ClientId },
    /// Empieza la despedida de un cliente, y por qué.
    Leave { client: ClientId, result: Shown<'a> },
    /// SHUT_WR, SHUT_RD o SHUT_RDWR: shutdown(2).
    Shutdown { fd: RawFd, client: ClientId, result: &'static str },
    /// Se cierra una conexión, y por qué: close(2).
    Close { fd: RawFd, client: ClientId, result: Shown<'a> },
    /// Se cierra el socket que escucha.
    #[serde(rename = "close")]
    CloseListener { fd: RawFd },
    /// Se deja de aceptar, y por qué.
    Pause { fd: RawFd, result: Shown<'a> },
    /// Se vuelve a aceptar.
    Resume { fd: RawFd },
    /// La entrada estándar terminó; si es una terminal, solo por ahora.
    Stdin { result: &'static str },
    /// Alguien pidió terminar.
    Stop {},
    /// Aquí faltan tantos registros: nadie los leía, y no cabían más.
    Lost { result: usize },
}

/// Lo que dio un paso, todavía sin escribir: con los pasos apagados no se escribe nunca.
#[derive(Clone, Copy)]
pub struct Shown<'a>(pub &'a dyn Display);

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

impl Step<'_> {
    /// Cuenta el paso a quien haya pedido oírlo. El registro apunta la línea que llama.
    #[track_caller]
    #[inline]
    pub fn tell(&self) {
        if let Some(recorder) = RECORDER.get() {
            recorder.note(self, Location::caller());
        }
    }
}

/// La frase de `-v`.
impl Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Step::Listen { fd } => {
                write!(f, "listen({fd}): el núcleo ya acepta conexiones por nosotros")
            }
            Step::Sleep { call, clients } => {
                write!(f, "{call}: a dormir, con {}", counted(clients, "cliente", "clientes"))
            }
            Step::Wake { call, result } => {
                write!(f, "{call}: {}", counted(result, "listo", "listos"))
            }
            Step::Ready { fd, result, .. } => write!(f, "listo: {fd}, para {result}"),
            Step::Accept { fd, client, address } => {
                write!(f, "accept: cliente {client} desde {address}, descriptor {fd}")
            }
            Step::Read { fd, bytes: 0, .. } => {
                write!(f, "read({fd}): 0 bytes, el otro extremo ya no enviará más")
            }
            Step::Read { fd, bytes, .. } => {
                write!(f, "read({fd}): {}", counted(bytes, "byte", "bytes"))
            }
            Step::Write { fd, bytes: 0, pending, .. } => {
                write!(f, "write({fd}): el búfer del núcleo está lleno; quedan {pending} bytes")
            }
            Step::Write { fd, bytes, pending, .. } => {
                write!(f, "write({fd}): {bytes} de {pending} bytes")
            }
            Step::ReadFailed { fd, result, .. } => write!(f, "read({fd}): {result}"),
            Step::WriteFailed { fd, result, .. } => write!(f, "write({fd}): {result}"),
            Step::Register { fd, result, .. } => {
                write!(f, "epoll_ctl: añadido {fd} para {result}")
            }
            Step::RegisterListener { fd, result } => {
                write!(f, "epoll_ctl: añadido {fd}, el socket que escucha, para {result}")
            }
            Step::Modify { fd, result, .. } => write!(f, "epoll_ctl: {fd} pasa a {result}"),
            Step::Refuse { result, reason, .. } => write!(f, "respuesta {result}: {reason}"),
            Step::Timeout { client, .. } => write!(f, "plazo agotado: cliente {client}"),
            Step::Leave { client, result } => {
                write!(f, "cliente {client}: despedida: {result}")
            }
            Step::Shutdown { fd, result, .. } => {
                let why = match result {
                    "SHUT_WR" => "ya no enviaremos más",
                    _ => "despierta a quien atiende al cliente",
                };
                write!(f, "shutdown({fd}, {result}): {why}")
            }
            Step::Close { fd, client, result } => {
                write!(f, "close({fd}): cliente {client}: {result}")
            }
            Step::CloseListener { fd } => write!(f, "close({fd}): deja de escuchar"),
            Step::Pause { result, .. } => write!(f, "se deja de aceptar por ahora: {result}"),
            Step::Resume { .. } => f.write_str("se vuelve a aceptar"),
            Step::Stdin { result: "fin" } => {
                f.write_str("la entrada estándar terminó; el servidor sigue")
            }
            Step::Stdin { .. } => {
                f.write_str("la terminal es de otro programa, o se pulsó Ctrl-D: se mirará luego")
            }
            Step::Stop {} => f.write_str("parada pedida: se deja de aceptar"),
            Step::Lost { result } => {
                write!(f, "faltan {}: nadie los leía", counted(result, "registro", "registros"))
            }
        }
    }
}

/// Una cantidad con su nombre, para las frases: «1 listo», «2 listos».
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

struct Recorder {
    origin: Instant,
    verbose: bool,
    records: Option<Lines>,
}

/// Una línea de `--trace`.
#[derive(Serialize)]
struct Record<'a> {
    us: u64,
    thread: &'a str,
    file: &'a str,
    line: u32,
    #[serde(flatten)]
    step: &'a Step<'a>,
}

impl Recorder {
    #[cold]
    fn note(&self, step: &Step<'_>, place: &Location<'_>) {
        // Cada línea entra entera en su salida: los hilos no se mezclan. Si no queda quien lea, o
        // disco, el programa sigue con lo suyo.
        if self.verbose {
            let _ = output::stderr()
                .put(&format!("[{:11.6}] {step}\n", self.origin.elapsed().as_secs_f64()));
        }
        if let Some(records) = &self.records {
            let _ = records.put(&self.record(step, place));
        }
    }

    /// La línea de un paso en `--trace`.
    fn record(&self, step: &Step<'_>, place: &Location<'_>) -> String {
        let thread = thread::current();
        let record = Record {
            us: u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX),
            thread: thread.name().unwrap_or_default(),
            file: place.file(),
            line: place.line(),
            step,
        };
        serde_json::to_string(&record).unwrap_or_default() + "\n"
    }
}

/// El registro de los que se perdieron.
fn lost_records(result: usize) -> String {
    let record = |recorder: &Recorder| recorder.record(&Step::Lost { result }, Location::caller());
    RECORDER.get().map(record).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn un_paso_es_una_frase_y_unos_campos() {
        let reason = "se fue";
        let step = Step::Close { fd: 7, client: ClientId(2), result: Shown(&reason) };
        assert_eq!(step.to_string(), "close(7): cliente 2: se fue");
        let record = Record { us: 5, thread: "main", file: "a.rs", line: 3, step: &step };
        let expected = json!({
            "us": 5, "thread": "main", "file": "a.rs", "line": 3,
            "what": "close", "fd": 7, "client": 2, "result": "se fue",
        });
        assert_eq!(serde_json::to_value(record).unwrap(), expected);
    }

    #[test]
    fn f2_lo_que_se_perdió_es_un_registro_más() {
        let step = Step::Lost { result: 120 };
        assert_eq!(serde_json::to_value(step).unwrap(), json!({"what": "lost", "result": 120}));
        assert_eq!(step.to_string(), "faltan 120 registros: nadie los leía");
    }

    #[test]
    fn un_despertar_dice_cuántos_hay_listos_y_un_sueño_no() {
        let wake = serde_json::to_value(Step::Wake { call: "select", result: 1 }).unwrap();
        assert_eq!(wake, json!({"what": "wait", "result": 1}));
        let sleep = serde_json::to_value(Step::Sleep { call: "select", clients: 2 }).unwrap();
        assert_eq!(sleep, json!({"what": "wait"}));
        assert_eq!(Step::Wake { call: "select", result: 1 }.to_string(), "select: 1 listo");
    }
}
