//! Parar, con un cliente callado dentro. El enunciado está en enunciado.md, en esta carpeta.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

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
        todo!("Escribe esto en exercises/02_02_3_parada/ejercicio.rs")
    }

    /// Deja de aceptar, se despide de los clientes, espera a todos los hilos y vuelve.
    pub fn stop(self) {
        todo!("Escribe esto en exercises/02_02_3_parada/ejercicio.rs")
    }
}

/// Devuelve a su cliente cada byte que envía, hasta que cierra su lado.
fn echo(stream: &TcpStream) -> io::Result<u64> {
    io::copy(&mut &*stream, &mut &*stream)
}
