//! Guarda una copia de cada socket y no la suelta cuando el cliente se va.
//! Mensaje: «la conexión no se cierra mientras quede abierto un descriptor suyo»

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    clients: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    pub fn start(listener: TcpListener) -> io::Result<Server> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("servidor".to_owned())
            .spawn(move || accept_until_stopped(listener, &theirs))?;
        Ok(Server { address, shared, acceptor })
    }

    pub fn stop(self) {
        self.shared.stopping.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let _ = self.acceptor.join();
    }
}

fn accept_until_stopped(listener: TcpListener, shared: &Arc<Shared>) {
    let mut threads: Vec<JoinHandle<()>> = Vec::new();
    for id in 0.. {
        let Ok((stream, _)) = listener.accept() else { break };
        if shared.stopping.load(Ordering::SeqCst) {
            break;
        }
        threads.retain(|thread| !thread.is_finished());
        threads.extend(attend_in_thread(id, stream, shared));
    }
    drop(listener);
    for client in shared.clients().values() {
        let _ = client.shutdown(Shutdown::Both);
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn attend_in_thread(id: u64, stream: TcpStream, shared: &Arc<Shared>) -> Option<JoinHandle<()>> {
    let copy = stream.try_clone().ok()?;
    shared.clients().insert(id, copy);
    let theirs = Arc::clone(shared);
    let thread = thread::Builder::new().name(format!("cliente-{}", id + 1)).spawn(move || {
        let _ = echo(&stream);
        let _ = theirs;
    });
    thread.inspect_err(|_| drop(shared.clients().remove(&id))).ok()
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn echo(stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut &*stream)
}
