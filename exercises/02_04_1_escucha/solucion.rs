//! El socket que escucha. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Protocol, Socket, Type};

// <solo en la solución>
use std::io::ErrorKind;
// </solo en la solución>

/// Conexiones completas que el núcleo guarda mientras no las aceptas.
pub const BACKLOG: i32 = 1024;

/// Un socket no bloqueante que ya escucha en `address`.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    // <tu código>
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Antes de `bind`, que es quien pregunta por ella: con las conexiones anteriores aún en
    // TIME_WAIT, se negaría a dar el puerto (socket(7)).
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    // Desde aquí el núcleo ya acepta conexiones y las guarda en la cola (listen(2)).
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    Ok(socket.into())
    // </tu código>
}

/// Acepta a un cliente, sin esperar; `None`, si no hay nadie en la cola.
///
/// Su socket es no bloqueante y tiene TCP_NODELAY.
pub fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    // <tu código>
    match listener.accept() {
        Ok((stream, _)) => {
            // En Linux, O_NONBLOCK no se hereda del que escucha (accept(2)); TCP_NODELAY sí, pero
            // ninguna norma lo promete.
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            Ok(Some(stream))
        }
        // EAGAIN: no había nadie, o (fuera de Linux) se fue antes de que lo aceptáramos.
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
    // </tu código>
}
