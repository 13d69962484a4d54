//! El eco de 02_02 en un solo hilo, sobre `io_uring(7)`, por medio de `compio`.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;

use clap::Args;
use compio::BufResult;
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::fd::PollFd;
use compio::runtime::{self, Runtime};
use compio::time;
use mas_alla::Place;
use multiplexacion::cli::{self, Trouble};
use multiplexacion::client_id::{ClientId, ClientIds};
use multiplexacion::errors;
use multiplexacion::listener::Pause;
use multiplexacion::steps::{Shown, Step};
use multiplexacion::stop::Stop;

/// Bytes que caben en el búfer de un cliente.
const TURN: usize = 16 * 1024;

/// Eco sobre io_uring, en un solo hilo
#[derive(Args, Debug)]
struct Arguments {
    #[command(flatten)]
    place: Place,
}

fn main() -> ExitCode {
    cli::start("eco_uring", |common, arguments: Arguments| {
        let stop = Stop::on_signals()?;
        let runtime = Runtime::new().map_err(|error| {
            Trouble::new(
                format!("este sistema no permite usar io_uring: {}", errors::reason(&error)),
                "fuera de un contenedor, con Linux 5.6 o posterior, suele estar permitido",
            )
        })?;
        let listener = arguments.place.listen(&common)?;
        Ok(runtime.block_on(serve(listener, stop))?)
    })
}

// ANCHOR: serve
/// Acepta clientes hasta que llegue la señal de parada, que aquí también es un descriptor.
async fn serve(listener: std::net::TcpListener, stop: Stop) -> io::Result<()> {
    // Bloqueante: lo que se encarga al núcleo debe esperar en el núcleo. Con O_NONBLOCK, antes de
    // Linux 6.10 volvería en el acto con EAGAIN.
    listener.set_nonblocking(false)?;
    let listener = TcpListener::from_std(listener)?;
    let _accepting = runtime::spawn(accept_all(listener));
    PollFd::new(stop)?.read_ready().await
}

async fn accept_all(listener: TcpListener) {
    let (mut ids, mut pause) = (ClientIds::default(), Pause::default());
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                runtime::spawn(attend(stream, address, ids.next_id())).detach();
            }
            Err(error) => pause.after(&error, &listener),
        }
        if let Some(until) = pause.until() {
            time::sleep_until(until).await;
            pause.resume(until, &listener);
        }
    }
}
// ANCHOR_END: serve

async fn attend(stream: TcpStream, address: SocketAddr, client: ClientId) {
    let fd = stream.as_raw_fd();
    Step::Accept { fd, client, address }.tell();
    let outcome = echo(stream).await;
    let why = outcome.as_ref().map_or_else(errors::reason, |()| "se fue".to_owned());
    Step::Close { fd, client, result: Shown(&why) }.tell();
}

// ANCHOR: echo
/// Una conversación. El búfer se entrega con cada encargo y vuelve con su resultado: mientras
/// tanto es del núcleo, y nadie más puede tocarlo.
async fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(TURN);
    loop {
        let BufResult(read, filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        let BufResult(written, sent) = stream.write_all(filled).await;
        written?;
        buffer = sent;
        buffer.clear();
    }
}
// ANCHOR_END: echo
