//! El arnés: conduce cualquier servidor a través de su socket, y cuenta qué pasó.
//!
//! Lo usan las pruebas de las lecciones, los ejercicios y `cargo curso`. No sabe nada del curso
//! salvo los contratos que viajan por el cable, y el formato de `--trace`: el servidor puede estar
//! escrito en cualquier lenguaje y estar en cualquier dirección.
//!
//! ```no_run
//! use harness::{Conversation, Failure, Program, stages};
//!
//! #[test]
//! fn el_eco_devuelve_lo_que_recibe() -> Result<(), Failure> {
//!     let server = Program::new("target/debug/aplic_02_02").args(["--serve", "--port", "0"]).start()?;
//!
//!     let echo = Conversation::with(server.address());
//!     let mut client = echo.peer("cliente")?;
//!     client.send("ho")?;
//!     client.send("la")?;
//!     client.half_close()?;
//!     client.expect("hola")?;
//!     client.expect_end()?;
//!
//!     for stage in stages("02_02") {
//!         server.passes(stage)?;
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Qué se lee cuando algo falla
//!
//! Todo devuelve un [`Failure`], y una prueba que lo devuelve lo muestra entero:
//!
//! ```text
//! Lección 02_02, etapa 2: lecturas parciales.
//! «cliente» esperaba 4 bytes, y el servidor terminó la conexión. Llegaron 2 de 4 bytes.
//!
//!   se esperaba  "hola"
//!   llegó        "ho" y después, el fin de la conexión
//!                   ^ primera diferencia, tras 2 bytes iguales
//!
//! Se pide: un mensaje puede llegar en varios segmentos: una lectura no es un mensaje. […]
//!
//! La conversación con 127.0.0.1:40321 (ms desde el comienzo; → al servidor, ← del servidor):
//!
//!        0  cliente  ·  se conecta desde 127.0.0.1:51840
//!        0  cliente  →  "ho"
//!      100  cliente  ·  pausa de 100 ms
//!      100  cliente  →  "la"
//!      100  cliente  ·  cierra su lado (FIN) y sigue leyendo
//!      100  cliente  ←  "ho"
//!      100  cliente  ←  fin de la conexión (FIN)
//!
//! Para repetirlo a mano:
//!
//!   (printf 'ho'; sleep 0.1; printf 'la') | nc -N 127.0.0.1 40321
//! ```
//!
//! El momento de lo que se recibe es el de cuando el guion lo leyó. `nc` es el de OpenBSD, que es
//! el de Debian y Ubuntu (con `ncat`, sin `-N`).
//!
//! # Las salas, por orden de lectura
//!
//! | módulo | qué hay |
//! |---|---|
//! | `conversation` | [`Conversation`]: una dirección, un acta y quienes hablan |
//! | `peer` | [`Peer`]: una conexión, lo que hace y lo que espera; se apoya en `inbox` (leer) y `sending` (escribir) |
//! | [`frame`], [`chat`], `response` | los marcos, lo que dicen los del chat y las respuestas HTTP |
//! | `transcript` | el acta: quién hizo qué y cuándo; sus apuntes están en `log` |
//! | `failure`, `comparison`, `readable`, `replay`, `shell`, `wording` | el informe y sus piezas |
//! | `program` | [`Program`], [`Running`], [`Server`]: arrancar, escuchar lo que dicen, mirar `/proc` |
//! | `trace` | [`Trace`], [`Step`]: lo que un programa escribe con `--trace` |
//! | `port` | [`Port`]: un puerto reservado, para escuchar en él más de una vez |
//! | `connections`, `sock_diag` | [`connections()`]: los sockets de TCP de esta máquina; de uno, lo que falta por leer y lo que cabe en su cola: [`queue_length`] |
//! | [`tools`] | lo que puede faltar en una máquina: `nc`, `curl`, `strace`, IPv6… |
//! | `thread` | [`Thread`], [`Doing`]: en qué llamada duerme un hilo; su nombre, en `system_call`; sus argumentos, en `descriptor` ([`Descriptors`]) y `watching` ([`Watching`]) |
//! | `stage`, `stages/` | [`Stage`], [`stages`](stages()): lo que se pide en cada lección |
//! | `stranger` | [`Stranger`], [`Hindrance`]: un servidor que ya estaba en marcha |
//!
//! Ninguna espera carece de límite ([`DEFAULT_LIMIT`] si no se dice otro), y ninguna espera un
//! tiempo cuando puede esperar un suceso.

pub mod chat;
mod comparison;
mod connections;
mod conversation;
mod descriptor;
mod failure;
pub mod frame;
mod inbox;
mod limits;
mod log;
mod numbered_lines;
mod peer;
mod port;
mod program;
mod readable;
mod replay;
mod response;
mod sending;
mod shell;
mod sock_diag;
mod stage;
mod stages;
mod stranger;
mod system_call;
mod thread;
pub mod tools;
mod trace;
mod transcript;
mod waiting;
mod watching;
mod wording;

pub use connections::connections;
pub use conversation::Conversation;
pub use descriptor::Descriptors;
pub use failure::Failure;
pub use limits::raise_descriptor_limit;
pub use nix::sys::signal::Signal;
pub use numbered_lines::numbered_lines;
pub use peer::Peer;
pub use port::{Listener, Port};
pub use procfs;
pub use program::{Exit, Program, Running, Server, Stream};
pub use response::Response;
pub use sending::Sending;
pub use sock_diag::queue_length;
pub use stage::Stage;
pub use stages::stages;
pub use stranger::{Hindrance, Stranger};
pub use thread::{Doing, Thread};
pub use trace::{Step, Trace};
pub use waiting::{DEFAULT_LIMIT, eventually};
pub use watching::Watching;
