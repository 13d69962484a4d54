//! El chat de 02_03 sobre tokio: los mismos mensajes por el cable, y ningún bucle a la vista.
//!
//! Cada cliente es una tarea, escrita como si fuera un hilo: lee, espera, escribe. Quien hace de
//! bucle de eventos es el ejecutor de tokio, que está debajo.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Parser;
use mas_alla::Place;
use mas_alla::chat::{self, CloseReason};
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::errors;
use multiplexacion::frame::{self, FrameError, HEADER, MAX_TEXT};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_stream::StreamExt;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Cuánto se espera a que un cliente despedido lea la razón y cierre.
const FAREWELL: Duration = Duration::from_secs(2);

/// Sin descriptores libres, cuánto se espera antes de volver a intentar aceptar.
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes que esperan, como mucho, a quien lee despacio: 1 MiB.
const QUEUE: usize = 1024 * 1024;

/// Chat sobre tokio: el servidor; entra con aplic_02_03
#[derive(Parser, Debug)]
#[command(
    name = "chat_tokio",
    version,
    help_template = cli::HELP_TEMPLATE,
    override_usage = "chat_tokio [OPCIONES]",
    after_help = "Para entrar: cargo run --bin aplic_02_03 -- --name ana --port 8800",
    disable_help_flag = true,
    disable_version_flag = true
)]
struct Arguments {
    #[command(flatten)]
    place: Place,

    /// Hilos entre los que se reparten las tareas
    #[arg(long, value_name = "N", value_parser = cli::count, default_value = "1")]
    workers: usize,

    /// Segundos que se espera a que un cliente diga su nombre
    #[arg(long, value_name = "SEGUNDOS", value_parser = cli::seconds, default_value = "10")]
    login_timeout: Duration,
}

impl cli::Arguments for Arguments {
    fn common(&self) -> &Common {
        &self.place.common
    }
}

fn main() -> ExitCode {
    cli::start(|arguments: Arguments| -> Result<(), Trouble> {
        let runtime = executor(arguments.workers)?;
        let chat = Chat { patience: arguments.login_timeout, ..Chat::default() };
        runtime.block_on(async {
            // Antes de anunciarse: desde ese momento, Ctrl-C ya termina en orden.
            let (mut interrupted, mut terminated) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            let listener = TcpListener::from_std(arguments.place.listen()?)?;
            // ANCHOR: stop
            // Lo primero que ocurra. Al salir de aquí se suelta el ejecutor y, con él, todas las
            // tareas: cada una cierra su socket donde estuviera esperando.
            tokio::select! {
                outcome = accept_all(listener, chat) => Ok(outcome?),
                _ = interrupted.recv() => Ok(()),
                _ = terminated.recv() => Ok(()),
            }
            // ANCHOR_END: stop
        })
    })
}

// ANCHOR: executor
/// El ejecutor: un bucle de eventos en este hilo, o `workers` hilos que se reparten las tareas.
/// El resto del programa no cambia.
fn executor(workers: usize) -> io::Result<Runtime> {
    match workers {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(workers).enable_all().build(),
    }
}
// ANCHOR_END: executor

// ANCHOR: accept_all
/// Acepta clientes para siempre; cada uno sigue por su cuenta, en su tarea.
async fn accept_all(listener: TcpListener, chat: Chat) -> io::Result<()> {
    let chat = Arc::new(chat);
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Si el cliente ya se fue, la opción falla; su primera lectura lo contará mejor.
                let _ = stream.set_nodelay(true);
                tokio::spawn(attend(Arc::clone(&chat), stream, address));
            }
            Err(error) if is_passing(&error) => {
                debug!(what = "pause", "accept: {}", errors::reason(&error));
                sleep(PAUSE).await;
            }
            Err(error) => return Err(error),
        }
    }
}
// ANCHOR_END: accept_all

/// Si el fallo al aceptar es de los que se pasan solos: no quedan descriptores ni memoria, o el
/// cliente ya se fue. Los demás son del socket que escucha (accept(2)).
fn is_passing(error: &io::Error) -> bool {
    use nix::errno::Errno;
    let fatal = [Errno::EBADF, Errno::EFAULT, Errno::EINVAL, Errno::ENOTSOCK, Errno::EOPNOTSUPP];
    !error.raw_os_error().is_some_and(|number| fatal.contains(&Errno::from_raw(number)))
}

type Frames<'a> = FramedRead<ReadHalf<'a>, LengthDelimitedCodec>;

// ANCHOR: attend
/// La vida de un cliente, de principio a fin. Dos cosas ocurren a la vez, en una sola tarea: se
/// conversa con él y se le entrega lo que tiene en la cola.
async fn attend(chat: Arc<Chat>, mut stream: TcpStream, address: SocketAddr) {
    debug!(what = "accept", "accept: llegó un cliente desde {address}");
    let (reading, writing) = stream.split();
    let mut frames = FramedRead::new(reading, codec());
    let (outbox, queue) = outbox();
    let mut delivery = pin!(deliver(queue, writing));
    let reason = tokio::select! {
        reason = converse(&chat, &mut frames, address.ip().to_canonical(), &outbox) => reason,
        Err(error) = &mut delivery => CloseReason::Broken(error),
    };
    debug!(what = "leave", result = %reason, "se le despide: {reason}");
    if matches!(reason, CloseReason::Broken(_)) {
        return;
    }
    if let Some(words) = reason.last_words() {
        outbox.say_last(&words);
    }
    // Sin nadie que pueda añadir nada, la entrega acaba cuando se vacíe la cola.
    drop(outbox);
    let farewell = async {
        delivery.await?;
        // Leer y descartar hasta que cierre: cerrar antes con algo suyo sin leer provocaría un
        // reinicio, que podría destruir lo que aún no ha leído.
        while frames.get_mut().read(&mut [0; 1024]).await? > 0 {}
        io::Result::Ok(())
    };
    let _ = timeout(FAREWELL, farewell).await;
}
// ANCHOR_END: attend

// ANCHOR: codec
/// El marco de 02_03, con sus palabras: longitud de cuatro bytes en orden de red, y hasta 65 536
/// bytes de texto.
fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .length_field_length(HEADER)
        .max_frame_length(MAX_TEXT)
        .new_codec()
}
// ANCHOR_END: codec

// ANCHOR: converse
/// Conversa con un cliente hasta que haya una razón para dejarlo.
async fn converse(
    chat: &Chat,
    frames: &mut Frames<'_>,
    address: IpAddr,
    outbox: &Outbox,
) -> CloseReason {
    let Ok(first) = timeout(chat.patience, receive(frames)).await else {
        return CloseReason::Silent;
    };
    let seat = match first.and_then(|text| chat.enter(&text, address, outbox)) {
        Ok(seat) => seat,
        Err(reason) => return reason,
    };
    loop {
        let message = tokio::select! {
            message = receive(frames) => message,
            () = outbox.overflowed.cancelled() => return CloseReason::NotReading,
        };
        match message {
            Ok(text) => seat.say(&text, outbox),
            Err(reason) => return reason,
        }
    }
}
// ANCHOR_END: converse

// ANCHOR: receive
/// El siguiente mensaje, o por qué no habrá más. Aquí sí se espera: solo espera esta tarea.
async fn receive(frames: &mut Frames<'_>) -> Result<String, CloseReason> {
    match frames.next().await {
        Some(Ok(bytes)) => String::from_utf8(bytes.into())
            .map_err(|_| CloseReason::BadFrame(FrameError::NotText.to_string())),
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => Err(
            CloseReason::BadFrame(format!("un marco lleva como mucho {MAX_TEXT} bytes de texto")),
        ),
        Some(Err(error)) if error.raw_os_error().is_none() => Err(CloseReason::CutShort),
        Some(Err(error)) => Err(CloseReason::Broken(error)),
        None => Err(CloseReason::Left),
    }
}
// ANCHOR_END: receive

// ANCHOR: deliver
/// Escribe lo que haya en la cola de un cliente, según llega. Con la cola vacía y cerrada, cierra
/// también este lado de la conexión.
async fn deliver(
    mut queue: mpsc::UnboundedReceiver<Parcel>,
    mut writing: WriteHalf<'_>,
) -> io::Result<()> {
    while let Some(parcel) = queue.recv().await {
        writing.write_all(&parcel.frame).await?;
    }
    writing.shutdown().await
}
// ANCHOR_END: deliver

// ANCHOR: outbox
/// Un marco en la cola de un cliente. La difusión codifica una vez, y todos comparten los bytes.
struct Parcel {
    frame: Arc<[u8]>,
    /// El sitio que ocupa: vuelve a estar libre cuando esto se suelta, ya escrito.
    _space: Option<OwnedSemaphorePermit>,
}

/// Por dónde se encola algo para un cliente. Nunca espera.
#[derive(Clone)]
struct Outbox {
    queue: mpsc::UnboundedSender<Parcel>,
    /// Los bytes que aún caben. El canal no tiene límite; el límite es este.
    space: Arc<Semaphore>,
    /// Se activa cuando algo no cupo.
    overflowed: CancellationToken,
}

impl Outbox {
    fn send(&self, frame: &Arc<[u8]>) {
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        if let Ok(space) = Arc::clone(&self.space).try_acquire_many_owned(length) {
            self.push(Parcel { frame: Arc::clone(frame), _space: Some(space) });
        } else {
            // A quien no le cupo un mensaje no se le dan los siguientes, aunque sean más cortos:
            // creería haberlos leído todos.
            self.space.close();
            self.overflowed.cancel();
        }
    }
    // ANCHOR_END: outbox

    /// Unas últimas palabras, que deben salir aunque la cola esté llena.
    fn say_last(&self, text: &str) {
        self.space.close();
        if let Ok(frame) = frame::encode(text) {
            self.push(Parcel { frame: frame.into(), _space: None });
        }
    }

    fn push(&self, parcel: Parcel) {
        // Si ya no hay quien entregue, el cliente se está yendo.
        let _ = self.queue.send(parcel);
    }
}

fn outbox() -> (Outbox, mpsc::UnboundedReceiver<Parcel>) {
    let (queue, receiver) = mpsc::unbounded_channel();
    let space = Arc::new(Semaphore::new(QUEUE));
    (Outbox { queue, space, overflowed: CancellationToken::new() }, receiver)
}

// ANCHOR: chat
/// Lo que comparten las tareas: quién está. Con cerrojo, porque puede haber varios hilos; nunca se
/// espera nada con él echado.
#[derive(Default)]
struct Chat {
    members: Mutex<Members>,
    patience: Duration,
}

#[derive(Default)]
struct Members {
    /// Por orden de llegada, que es el orden en el que se difunde.
    by_id: BTreeMap<u64, Member>,
    next_id: u64,
}

struct Member {
    name: String,
    address: IpAddr,
    outbox: Outbox,
}
// ANCHOR_END: chat

impl Chat {
    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ANCHOR: enter
    /// El primer mensaje: el nombre. Si vale, da un sitio en el chat.
    fn enter(&self, text: &str, address: IpAddr, outbox: &Outbox) -> Result<Seat<'_>, CloseReason> {
        let mut members = self.members();
        let name = chat::login(text, members.by_id.values().map(|other| other.name.as_str()))?;
        outbox.send(&encode(&chat::welcome(address)));
        let count = members.by_id.len() + 1;
        let notice = chat::joined(count, &name, address);
        members.next_id += 1;
        let id = members.next_id;
        members.by_id.insert(id, Member { name, address, outbox: outbox.clone() });
        members.broadcast(id, &notice);
        Ok(Seat { chat: self, id })
    }
    // ANCHOR_END: enter
}

impl Members {
    // ANCHOR: broadcast
    /// Difunde un mensaje a todos menos a quien lo envió.
    fn broadcast(&self, from: u64, text: &str) {
        let frame = encode(text);
        for (id, member) in &self.by_id {
            if *id != from {
                member.outbox.send(&frame);
            }
        }
    }
    // ANCHOR_END: broadcast
}

/// Los textos del servidor caben siempre; el de un cliente se mide antes.
fn encode(text: &str) -> Arc<[u8]> {
    frame::encode(text).unwrap_or_default().into()
}

// ANCHOR: seat
/// Un sitio en el chat. Se deja al soltarlo, se salga por donde se salga: leyendo, escribiendo, por
/// un plazo o por un fallo.
struct Seat<'a> {
    chat: &'a Chat,
    id: u64,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut members = self.chat.members();
        if let Some(member) = members.by_id.remove(&self.id) {
            members.broadcast(self.id, &chat::left(&member.name, member.address));
        }
    }
}
// ANCHOR_END: seat

impl Seat<'_> {
    fn say(&self, text: &str, own: &Outbox) {
        debug!(
            what = "read",
            client = self.id,
            bytes = text.len(),
            "cliente {}: un mensaje",
            self.id
        );
        let members = self.chat.members();
        let Some(member) = members.by_id.get(&self.id) else { return };
        match chat::said(&member.name, member.address, text) {
            Ok(_) if text.is_empty() => {}
            Ok(message) => members.broadcast(self.id, &message),
            Err(why) => own.send(&encode(&why)),
        }
    }
}
