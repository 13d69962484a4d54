//! Servidores pequeños, de un hilo por cliente: uno correcto de cada lección, y sus faltas.

pub(crate) mod chat;
pub(crate) mod echo;
pub(crate) mod web;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use socket2::{Domain, Socket, Type};

/// Con la cola de la biblioteca estándar, de 128, mil conexiones seguidas pierden algún saludo, y
/// cada uno se repite al cabo de un segundo.
const BACKLOG: i32 = 1024;

/// Atiende cada conexión en su hilo, en un puerto que elige el núcleo, hasta que acabe la prueba.
pub(crate) fn serve<Handler>(handler: Handler) -> SocketAddr
where
    Handler: Fn(TcpStream) + Clone + Send + 'static,
{
    serve_on(Ipv4Addr::LOCALHOST.into(), handler).unwrap()
}

/// Lo mismo en esa dirección, si esta máquina la tiene.
pub(crate) fn serve_on<Handler>(ip: IpAddr, handler: Handler) -> io::Result<SocketAddr>
where
    Handler: Fn(TcpStream) + Clone + Send + 'static,
{
    let listener = listen(ip)?;
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let handler = handler.clone();
            thread::spawn(move || handler(stream.unwrap()));
        }
    });
    Ok(address)
}

fn listen(ip: IpAddr) -> io::Result<TcpListener> {
    let address = SocketAddr::new(ip, 0);
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
