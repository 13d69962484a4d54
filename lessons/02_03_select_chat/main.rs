//! Lección 02_03: un chat sobre `select`.
//!
//! Servidor y cliente en un solo programa: con `--name servidor` es el servidor; con cualquier
//! otro nombre, un cliente. Ninguno de los dos usa hilos. Cada uno tiene varias cosas que
//! atender a la vez (sockets, teclado, Ctrl-C), todas son descriptores, y `select` le dice
//! cuáles están listas.
//!
//! Se lee en este orden: este archivo, que empieza por [`send`] y [`receive`]; [`server`];
//! [`client`]; y, si interesa, [`protocol`] (qué se dicen), [`keyboard`] y [`terminal`].

mod client;
mod keyboard;
mod protocol;
mod server;
mod terminal;

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::connection::{Connection, Fill, Limits, Overflow};
use multiplexacion::errors;
use multiplexacion::frame::{self, FrameError, HEADER, MAX_TEXT};
use nix::sys::select::FD_SETSIZE;

/// Una conexión del chat, en cualquiera de sus dos extremos.
type Channel = Connection<TcpStream>;

/// Lo que guarda una conexión: un marco a medio llegar, y hasta 1 MiB para quien lee despacio.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 1024 * 1024 };

// ANCHOR: send
/// Envía un mensaje: lo pone en la cola, con su longitud delante.
///
/// No puede bloquear: el socket no lo hace, y además lo normal es que escriba el bucle, al final
/// de la vuelta. Longitud y texto van juntos a la cola para salir en una sola escritura: por
/// separado, el segundo trozo podría esperar 40 ms a que el otro extremo confirmara el primero.
fn send(conn: &mut Channel, text: &str) -> Result<(), CloseReason> {
    let frame = frame::encode(text).map_err(CloseReason::BadFrame)?;
    if conn.queue(&frame) == Err(Overflow) {
        // Una sola vuelta puede traer más de lo que admite la cola, en mensajes muy cortos: solo
        // de quien tampoco deja sitio en el núcleo se sabe que no lee.
        conn.flush().map_err(CloseReason::Broken)?;
        conn.queue(&frame).map_err(|Overflow| CloseReason::NotReading)?;
    }
    Ok(())
}
// ANCHOR_END: send

/// Lo que dio una llamada a [`receive`].
struct Received {
    /// Los mensajes que llegaron enteros, en orden. Puede no haber ninguno.
    messages: Vec<String>,
    /// Por qué no habrá más, si no habrá más.
    end: Option<CloseReason>,
}

// ANCHOR: receive
/// Recibe: lee una vez lo que haya y separa los mensajes completos.
///
/// Una lectura puede traer medio mensaje, o tres y medio. Lo que falte llegará en otra: por
/// eso lo recibido se acumula en la conexión, y aquí no se espera a nada.
fn receive(conn: &mut Channel, scratch: &mut [u8]) -> Received {
    let mut end = match conn.fill(scratch) {
        Ok(Fill::Bytes(_) | Fill::Empty) => None,
        Ok(Fill::End) if conn.input().is_empty() => Some(CloseReason::Left),
        Ok(Fill::End) => Some(CloseReason::CutShort),
        Err(error) => Some(CloseReason::Broken(error)),
    };
    let mut messages = Vec::new();
    loop {
        match frame::decode(conn.input()) {
            Ok(Some((text, used))) => {
                messages.push(text.to_owned());
                conn.consume(used);
            }
            Ok(None) => return Received { messages, end },
            Err(error) => {
                conn.consume(usize::MAX);
                end = Some(CloseReason::BadFrame(error));
            }
        }
    }
}
// ANCHOR_END: receive

/// Por qué termina una conversación.
#[derive(Debug)]
enum CloseReason {
    /// El otro extremo cerró entre dos mensajes: lo normal.
    Left,
    /// El otro extremo cerró a mitad de un mensaje.
    CutShort,
    /// El socket falló: un reinicio de la conexión, casi siempre.
    Broken(io::Error),
    /// Lo que llegó, o lo que se quería enviar, no es un mensaje.
    BadFrame(FrameError),
    /// Tiene 1 MiB esperando y no lo lee.
    NotReading,
    /// No dijo su nombre a tiempo.
    Silent,
    /// El nombre no vale, y por qué.
    Refused(String),
    /// Se le despidió, y ni así cerró a tiempo su lado.
    Overstayed,
}

impl CloseReason {
    /// Si hay que decírselo antes de cerrar. A quien se ha ido, o ya no está, no.
    fn deserves_explanation(&self) -> bool {
        !matches!(self, CloseReason::Left | CloseReason::CutShort | CloseReason::Broken(_))
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Left => f.write_str("se fue"),
            CloseReason::CutShort => f.write_str("se fue a mitad de un mensaje"),
            CloseReason::Broken(error) => f.write_str(&errors::reason(error)),
            CloseReason::BadFrame(error) => error.fmt(f),
            CloseReason::NotReading => f.write_str("no lees tus mensajes y no caben más"),
            CloseReason::Silent => f.write_str("no dijiste tu nombre a tiempo"),
            CloseReason::Refused(why) => f.write_str(why),
            CloseReason::Overstayed => f.write_str("se le dejó de esperar"),
        }
    }
}

/// `select` guarda los descriptores en un mapa de FD_SETSIZE bits, 1024: de los que no caben no
/// puede hablar. En C, anotarlos es escribir fuera del mapa; en `nix`, un pánico (select(2)).
fn fits_in_a_set(descriptor: impl AsFd) -> bool {
    usize::try_from(descriptor.as_fd().as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE)
}

/// Comprueba un descriptor de los que el programa no puede prescindir. Solo dejan de caber si
/// quien lo arrancó le dejó en herencia muchos abiertos.
fn must_fit_in_a_set(descriptor: impl AsFd) -> Result<(), Trouble> {
    if fits_in_a_set(descriptor) {
        return Ok(());
    }
    Err(Trouble::new(
        format!("ya hay abiertos más descriptores de los {FD_SETSIZE} que admite select"),
        "arráncalo desde otra terminal",
    ))
}

/// Chat sobre select: servidor con --name servidor, cliente con cualquier otro nombre
#[derive(Parser, Debug)]
#[command(
    name = "aplic_02_03",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "aplic_02_03 --name NOMBRE [OPCIONES]",
    after_help = "En una terminal: cargo run --bin aplic_02_03 -- --name servidor --port 8800\n\
                  En otra:         cargo run --bin aplic_02_03 -- --name ana --port 8800\n\
                  Se sale con Ctrl-D o con Ctrl-C.",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    /// Quién eres; con «servidor», este programa es el servidor
    #[arg(long, value_name = "NOMBRE", value_parser = protocol::role)]
    name: protocol::Role,

    /// Puerto del servidor; al servidor, 0 le deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8800")]
    port: u16,

    /// Segundos que el servidor espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,

    #[command(flatten)]
    common: Common,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.common
    }
}

fn main() -> ExitCode {
    cli::start(|arguments: Arguments| -> Result<(), Trouble> {
        let host = &arguments.common.host;
        match &arguments.name {
            protocol::Role::Server => server::serve(host, arguments.port, arguments.login_timeout),
            protocol::Role::Client(name) => client::chat(host, arguments.port, name),
        }
    })
}
