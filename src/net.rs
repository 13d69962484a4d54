//! Sockets que escuchan y sockets aceptados.
//!
//! Dos funciones, [`listen`] y [`accept`], con las precauciones que las recetas olvidan:
//! reutilizar la dirección, una cola de espera amplia, TCP_NODELAY en cada conexión y no
//! morir cuando se acaban los descriptores.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use nix::errno::Errno;
use socket2::{Domain, Protocol, Socket, Type};
use tracing::debug;

/// Conexiones completas que el núcleo guarda mientras el programa no las acepta.
///
/// Con una cola corta, el núcleo descarta el SYN que no cabe y el cliente lo repite un
/// segundo después: de ahí los misteriosos retrasos de un segundo (listen(2), tcp(7)). El
/// núcleo recorta este valor a `net.core.somaxconn`.
pub const BACKLOG: i32 = 1024;

/// Convierte lo que la persona escribió en `--host` y `--port` en una dirección, IPv4 o IPv6.
///
/// Si el nombre tiene varias direcciones se usa la primera, como hace `getaddrinfo(3)`.
///
/// # Errors
/// El nombre no existe o no tiene direcciones.
pub fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// Crea un socket TCP, lo une a `address` y lo pone a escuchar: `socket(2)`, `bind(2)` y
/// `listen(2)` de una vez, en modo bloqueante.
///
/// SO_REUSEADDR permite volver a arrancar sobre el mismo puerto aunque queden conexiones
/// anteriores en TIME_WAIT (socket(7)).
///
/// # Errors
/// Los de las tres llamadas: puerto ocupado, sin permiso, dirección ajena a la máquina.
// ANCHOR: listen
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}
// ANCHOR_END: listen

/// Lo que puede ocurrir al aceptar.
#[derive(Debug)]
pub enum Accept {
    /// Un cliente, ya con TCP_NODELAY, y su dirección.
    Client(TcpStream, SocketAddr),
    /// No espera nadie: el cliente se arrepintió o no lo hubo.
    Empty,
    /// No quedan descriptores o memoria: hay que dejar de aceptar hasta que se libere algo.
    /// El cliente sigue en la cola del núcleo, así que el socket que escucha continúa
    /// «listo»: insistir sería un bucle sin descanso.
    Full(io::Error),
}

/// Acepta un cliente, si lo hay. El bloqueo depende del modo de `listener`; el cliente nace
/// bloqueante, y es quien llama quien decide otra cosa.
///
/// # Errors
/// Solo los que impiden seguir aceptando. Los que accept(2) atribuye al cliente que se fue
/// (ECONNABORTED y los errores de red que el núcleo entrega por adelantado) son
/// [`Accept::Empty`]; EMFILE, ENFILE, ENOBUFS y ENOMEM son [`Accept::Full`].
// ANCHOR: accept
pub fn accept(listener: &TcpListener) -> io::Result<Accept> {
    let (stream, address) = match listener.accept() {
        Ok(accepted) => accepted,
        Err(error) => return refusal(error),
    };
    // Sin la demora de Nagle: una respuesta pequeña no espera a que confirmen la anterior
    // (tcp(7)). Si el cliente ya se fue, la opción falla; su primera lectura lo contará mejor.
    let _ = stream.set_nodelay(true);
    Ok(Accept::Client(stream, address))
}
// ANCHOR_END: accept

fn refusal(error: io::Error) -> io::Result<Accept> {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM) => {
            debug!(what = "accept", result = "lleno", "accept: no quedan descriptores");
            Ok(Accept::Full(error))
        }
        Some(
            Errno::EAGAIN
            | Errno::EINTR
            | Errno::ECONNABORTED
            | Errno::EPERM
            | Errno::EPROTO
            | Errno::ENETDOWN
            | Errno::ENOPROTOOPT
            | Errno::EHOSTDOWN
            | Errno::ENONET
            | Errno::EHOSTUNREACH
            | Errno::EOPNOTSUPP
            | Errno::ENETUNREACH
            | Errno::ETIMEDOUT,
        ) => Ok(Accept::Empty),
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn local() -> TcpListener {
        listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
    }

    #[test]
    fn t4_17_cada_conexión_aceptada_lleva_tcp_nodelay() {
        let listener = local();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Accept::Client(stream, _) = accept(&listener).unwrap() else {
            panic!("había un cliente esperando");
        };
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn sin_clientes_un_socket_no_bloqueante_está_vacío() {
        let listener = local();
        listener.set_nonblocking(true).unwrap();
        assert!(matches!(accept(&listener).unwrap(), Accept::Empty));
    }

    #[test]
    fn quedarse_sin_descriptores_no_es_un_error_del_servidor() {
        let full = io::Error::from_raw_os_error(Errno::EMFILE as i32);
        assert!(matches!(refusal(full).unwrap(), Accept::Full(_)));
    }

    #[test]
    fn un_descriptor_que_no_es_un_socket_sí_es_un_error() {
        let broken = io::Error::from_raw_os_error(Errno::ENOTSOCK as i32);
        assert!(refusal(broken).is_err());
    }

    #[test]
    fn localhost_se_resuelve_y_un_nombre_inventado_no() {
        assert!(resolve("localhost", 80).unwrap().ip().is_loopback());
        assert!(resolve("no-existe.invalid", 80).is_err());
    }
}
