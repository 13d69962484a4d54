//! Parar, con un cliente callado dentro. El enunciado está en enunciado.md, en esta carpeta.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

// <solo en la solución>
use std::net::Shutdown;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError};
use std::thread;
// </solo en la solución>

/// Un servidor de eco en marcha, con un hilo por cliente.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: JoinHandle<()>,
}

/// Lo que comparten los hilos.
#[derive(Default)]
struct Shared {
    stopping: AtomicBool,
    /// Otra referencia al socket de cada cliente conectado, para poder cortarle.
    clients: Mutex<HashMap<u64, TcpStream>>,
}

impl Server {
    /// Empieza a aceptar clientes, en otro hilo, y vuelve.
    pub fn start(listener: TcpListener) -> io::Result<Server> {
        // <tu código>
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let acceptor = thread::Builder::new()
            .name("servidor".to_owned())
            .spawn(move || accept_until_stopped(listener, &theirs))?;
        Ok(Server { address, shared, acceptor })
        // </tu código>
    }

    /// Deja de aceptar, se despide de los clientes, espera a todos los hilos y vuelve.
    pub fn stop(self) {
        // <tu código>
        // Primero la bandera, y después el timbre: al despertar, el hilo ya la ve.
        self.shared.stopping.store(true, Ordering::SeqCst);
        // Si falla, es que ya nadie escucha, y no hay a quién despertar.
        drop(TcpStream::connect(self.address));
        let _ = self.acceptor.join();
        // </tu código>
    }
}

// <solo en la solución>
fn accept_until_stopped(listener: TcpListener, shared: &Shared) {
    // De aquí no se sale hasta que terminen los hilos que se arrancan dentro.
    thread::scope(|threads| {
        for id in 0.. {
            let Ok((stream, _)) = listener.accept() else { break };
            if shared.stopping.load(Ordering::SeqCst) {
                break;
            }
            // Sin otro descriptor no se le podría cortar: se le echa ya.
            let Ok(copy) = stream.try_clone() else { continue };
            shared.clients().insert(id, copy);
            let attending = thread::Builder::new().spawn_scoped(threads, move || {
                // Un cliente que corta no es asunto de nadie más.
                let _ = echo(&stream);
                // La conexión no se cierra mientras quede un descriptor suyo: fuera también la copia.
                shared.clients().remove(&id);
            });
            if attending.is_err() {
                shared.clients().remove(&id);
            }
        }
        // Desde aquí, quien llame encuentra la puerta cerrada.
        drop(listener);
        // Y desde aquí no entra nadie más: se corta a todos los que haya.
        for client in shared.clients().values() {
            // Despierta a su hilo, esté dentro de `read` o de `write`.
            let _ = client.shutdown(Shutdown::Both);
        }
    });
}

impl Shared {
    fn clients(&self) -> MutexGuard<'_, HashMap<u64, TcpStream>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
// </solo en la solución>

/// Devuelve a su cliente cada byte que envía, hasta que cierra su lado.
fn echo(stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut &*stream)
}
