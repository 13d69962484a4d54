//! El chat de 02_03 sobre tokio: los mismos mensajes por el cable, y ningún bucle a la vista.
//!
//! Cada cliente es una tarea, escrita como si fuera un hilo: lee, espera, escribe. Quien hace de
//! bucle de eventos es el ejecutor de tokio, que está debajo. Por eso `-v` cuenta aquí quién llega
//! y quién se va, y no cada lectura: las hace él.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clap::Args;
use mas_alla::Place;
use multiplexacion::chat::{Chat, CloseReason, Effect};
use multiplexacion::cli;
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::connection::LINGER;
use multiplexacion::frame::{self, FrameError, HEADER, MAX_TEXT};
use multiplexacion::listener::Pause;
use multiplexacion::steps::{Shown, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{sleep_until, timeout};
use tokio_stream::StreamExt;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};
use tokio_util::sync::CancellationToken;

/// Bytes que esperan, como mucho, a quien lee despacio: 1 MiB.
const QUEUE: usize = 1024 * 1024;

/// Chat sobre tokio: el servidor; entra con aplic_02_03
#[derive(Args, Debug)]
#[command(after_help = "Para entrar: cargo run --bin aplic_02_03 -- --name ana --port 8800")]
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

fn main() -> ExitCode {
    cli::start("chat_tokio", |common, arguments: Arguments| {
        let runtime = executor(arguments.workers)?;
        runtime.block_on(async {
            // Antes de anunciarse: desde ese momento, Ctrl-C ya termina en orden.
            let (mut interrupted, mut terminated) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            let listener = TcpListener::from_std(arguments.place.listen(&common)?)?;
            // ANCHOR: stop
            // Lo primero que ocurra. Al salir de aquí se suelta el ejecutor y, con él, todas las
            // tareas: cada una cierra su socket donde estuviera esperando.
            tokio::select! {
                () = accept_all(listener, arguments.login_timeout) => {}
                _ = interrupted.recv() => {}
                _ = terminated.recv() => {}
            }
            // ANCHOR_END: stop
            Step::Stop {}.tell();
            Ok(())
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
async fn accept_all(listener: TcpListener, login_timeout: Duration) {
    let (room, mut ids, mut pause) = (Arc::default(), ClientIds::default(), Pause::default());
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                // Si fallara, un mensaje pequeño podría esperar a que confirmen el anterior; nada más.
                let _ = stream.set_nodelay(true);
                let seat = Seat { room: Arc::clone(&room), id: ids.next_id() };
                tokio::spawn(attend(stream, address, seat, login_timeout));
            }
            Err(error) => pause.after(&error, &listener),
        }
        if let Some(until) = pause.until() {
            sleep_until(until.into()).await;
            pause.resume(until, &listener);
        }
    }
}
// ANCHOR_END: accept_all

type Frames<'a> = FramedRead<ReadHalf<'a>, LengthDelimitedCodec>;

// ANCHOR: attend
/// La vida de un cliente, de principio a fin. Dos cosas ocurren a la vez, en una sola tarea: se
/// conversa con él y se le entrega lo que tiene en la cola.
async fn attend(mut stream: TcpStream, address: SocketAddr, seat: Seat, login_timeout: Duration) {
    let (fd, client) = (stream.as_raw_fd(), seat.id);
    Step::Accept { fd, client, address }.tell();
    let address = address.ip().to_canonical();
    let (reading, writing) = stream.split();
    let mut frames = FramedRead::new(reading, codec());
    let (outbox, queue) = outbox();
    let mut delivery = pin!(deliver(queue, writing));
    let reason = tokio::select! {
        reason = converse(seat, address, &mut frames, &outbox, login_timeout) => reason,
        Err(error) = &mut delivery => CloseReason::Broken(error),
    };
    if !matches!(reason, CloseReason::Broken(_)) {
        Step::Leave { client, result: Shown(&reason) }.tell();
        if let Some(words) = reason.last_words() {
            outbox.say_last(&words);
        }
        // Sin nadie que pueda añadir nada, la entrega acaba cuando se vacíe la cola.
        drop(outbox);
        let farewell = async {
            delivery.await?;
            // Leer y descartar hasta que cierre. Cerrar antes, con algo suyo sin leer, provocaría
            // un reinicio, y se perdería lo que el núcleo aún no le hubiera entregado.
            while frames.get_mut().read(&mut [0; 1024]).await? > 0 {}
            io::Result::Ok(())
        };
        let _ = timeout(LINGER, farewell).await;
    }
    Step::Close { fd, client, result: Shown(&reason) }.tell();
}
// ANCHOR_END: attend

// ANCHOR: codec
/// El marco de 02_03, con sus palabras: longitud de cuatro bytes en orden de red, y hasta 65 536
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
    seat: Seat,
    address: IpAddr,
    frames: &mut Frames<'_>,
    outbox: &Outbox,
    login_timeout: Duration,
) -> CloseReason {
    let Ok(mut message) = timeout(login_timeout, receive(frames)).await else {
        return CloseReason::Silent;
    };
    loop {
        if let Err(reason) = message.and_then(|text| seat.on_message(address, &text, outbox)) {
            return reason;
        }
        message = tokio::select! {
            message = receive(frames) => message,
            () = outbox.overflowed.cancelled() => Err(CloseReason::NotReading),
        };
    }
}
// ANCHOR_END: converse

// ANCHOR: receive
/// El siguiente mensaje, o por qué no habrá más. Aquí sí se espera: solo espera esta tarea.
async fn receive(frames: &mut Frames<'_>) -> Result<String, CloseReason> {
    match frames.next().await {
        Some(Ok(bytes)) => {
            String::from_utf8(bytes.into()).map_err(|_| CloseReason::BadFrame(FrameError::NotText))
        }
        Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            // Cuánto anunciaba no lo dice el error; lo dice la cabecera, que sigue en el búfer.
            let wrong = frame::decode(frames.read_buffer()).err();
            Err(wrong.map_or(CloseReason::CutShort, CloseReason::BadFrame))
        }
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
        self.push(Parcel { frame: encode(text), _space: None });
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

/// Los textos del servidor caben siempre; el de un cliente lo mide el chat.
fn encode(text: &str) -> Arc<[u8]> {
    frame::encode(text).unwrap_or_default().into()
}

// ANCHOR: room
/// Lo que comparten las tareas: quién está, y por dónde se le entrega algo. Con cerrojo, porque
/// puede haber varios hilos; nunca se espera nada con él echado.
#[derive(Default)]
struct Room {
    chat: Chat,
    outboxes: BTreeMap<ClientId, Outbox>,
}
// ANCHOR_END: room

impl Room {
    // ANCHOR: broadcast
    /// Difunde un mensaje a todos menos a quien lo causó.
    fn broadcast(&self, from: ClientId, text: &str) {
        let frame = encode(text);
        for id in self.chat.others(from) {
            if let Some(outbox) = self.outboxes.get(&id) {
                outbox.send(&frame);
            }
        }
    }
    // ANCHOR_END: broadcast
}

// ANCHOR: seat
/// Un sitio en el chat. Se deja al soltarlo, se salga por donde se salga: leyendo, escribiendo, por
/// un plazo o por un fallo.
struct Seat {
    room: Arc<Mutex<Room>>,
    id: ClientId,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut room = self.room();
        room.outboxes.remove(&self.id);
        if let Some(notice) = room.chat.leave(self.id) {
            room.broadcast(self.id, &notice);
        }
    }
}
// ANCHOR_END: seat

impl Seat {
    fn room(&self) -> MutexGuard<'_, Room> {
        self.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ANCHOR: on_message
    /// Un mensaje entero. Qué causa lo sabe el chat; aquí se reparte.
    fn on_message(&self, address: IpAddr, text: &str, own: &Outbox) -> Result<(), CloseReason> {
        let mut room = self.room();
        match room.chat.hear(self.id, address, text) {
            Effect::Joined { greeting, notice } => {
                own.send(&encode(&greeting));
                room.outboxes.insert(self.id, own.clone());
                room.broadcast(self.id, &notice);
            }
            Effect::Said(text) => room.broadcast(self.id, &text),
            Effect::Rejected(why) => own.send(&encode(&why)),
            Effect::Refused(why) => return Err(CloseReason::Refused(why)),
            Effect::Nothing => {}
        }
        Ok(())
    }
    // ANCHOR_END: on_message
}
