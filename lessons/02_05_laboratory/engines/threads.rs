//! Un hilo por cliente: el motor que no pregunta a nadie.
//!
//! Es el servidor de la lección 02_02. Cada hilo se duerme en el `read` de su cliente, y el
//! planificador del núcleo hace el papel del selector.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use multiplexacion::socketserver::{Request, RequestHandler, TcpServer, ThreadingMixIn};
use nix::errno::Errno;
use nix::unistd;

use crate::tally::Tally;

/// Más hilos que los que ningún experimento pide: que el tope lo ponga la máquina.
const MAX_THREADS: usize = 100_000;

/// La pila de cada hilo, la misma que en la lección.
const STACK: usize = 128 * 1024;

/// Lo que cabe en una lectura. Está en la pila de cada hilo, y cuenta en su memoria.
const BUFFER: usize = 1024;

// ANCHOR: threads
struct Echo {
    counters: Arc<Counters>,
}

impl RequestHandler for Echo {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        let mut buffer = [0; BUFFER];
        loop {
            // Dormir aquí es despertar solo cuando hable este cliente: ni lista, ni recorrido.
            let count = request.recv(&mut buffer)?;
            self.counters.woken();
            if count == 0 {
                return Ok(());
            }
            request.send_all(&buffer[..count])?;
            self.counters.called();
        }
    }
}
// ANCHOR_END: threads

/// Lo que cuentan entre todos los hilos.
#[derive(Default)]
struct Counters {
    calls: AtomicU64,
    wakeups: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }

    fn woken(&self) {
        self.called();
        self.wakeups.fetch_add(1, Ordering::Relaxed);
    }

    fn tally(&self) -> Tally {
        Tally::of_this_process(
            self.calls.load(Ordering::Relaxed),
            self.wakeups.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        )
    }
}

/// Sirve hasta que se acabe la entrada estándar; a cada línea que llegue por ella responde con la
/// cuenta.
pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let counters = Arc::new(Counters::default());
    let (theirs, refusals) = (Arc::clone(&counters), Arc::clone(&counters));
    let mut server =
        TcpServer::from_listener(listener, move || Echo { counters: Arc::clone(&theirs) })?
            .threading(ThreadingMixIn {
                max_threads: MAX_THREADS,
                stack_size: STACK,
                block_on_close: false,
            })
            .client_timeout(None)
            .handle_error(move |_, _| {
                refusals.refused.fetch_add(1, Ordering::Relaxed);
            });
    thread::Builder::new().name("servidor".into()).spawn(move || server.serve_forever())?;

    let mut order = [0; 64];
    loop {
        match unistd::read(io::stdin(), &mut order) {
            // Al volver de aquí termina el programa, y con él todos los hilos.
            Ok(0) => return Ok(()),
            Ok(_) => multiplexacion::cli::say(&counters.tally().line()?)?,
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
