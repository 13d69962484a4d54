//! Un puerto que nadie más ocupará, para quien ha de escuchar en él más de una vez, o ninguna.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::ops::Deref;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::failure::Failure;

/// Un puerto de 127.0.0.1, elegido por el núcleo y reservado mientras esto viva.
///
/// Entre que un servidor muere y otro lo sustituye, su puerto está libre: el núcleo puede dárselo a
/// otra prueba, o al propio cliente que intenta volver, que se conectaría consigo mismo. Un socket
/// unido a él que no escucha lo impide, y a quien pida SO_REUSEADDR, como todo servidor, no le
/// estorba (socket(7)).
#[derive(Debug)]
pub struct Port {
    _held: Socket,
    address: SocketAddr,
}

impl Port {
    /// Reserva uno.
    pub fn reserve() -> Result<Port, Failure> {
        let held = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        held.set_reuse_address(true)?;
        held.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let address = held.local_addr()?.as_socket();
        let address = address.ok_or_else(|| Failure::new("El núcleo no dio un puerto."))?;
        Ok(Port { _held: held, address })
    }

    /// La dirección entera.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Su número, como argumento de `--port`.
    pub fn number(&self) -> String {
        self.address.port().to_string()
    }
}

/// Quien escucha en este proceso, y deja de hacerlo en cuanto esto se suelta.
///
/// Cerrar su descriptor no basta: si en ese momento nace un proceso de otra prueba, hasta su `exec`
/// tiene una copia, y con ella se seguiría escuchando. `shutdown` detiene el socket, lo tenga quien
/// lo tenga (shutdown(2)).
#[derive(Debug)]
pub struct Listener(TcpListener);

impl Listener {
    /// Escucha en esa dirección. Errores: los de `bind` y los de `listen`.
    pub fn at(address: SocketAddr) -> io::Result<Listener> {
        TcpListener::bind(address).map(Listener)
    }
}

impl Deref for Listener {
    type Target = TcpListener;

    fn deref(&self) -> &TcpListener {
        &self.0
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = SockRef::from(&self.0).shutdown(Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::process::Command;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::thread;

    use super::*;

    /// Hace algo mientras nacen procesos sin parar.
    fn among_births(action: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Relaxed) {
                    let _ = Command::new("true").status();
                }
            });
            let outcome = action();
            over.store(true, Relaxed);
            outcome
        })
    }

    #[test]
    fn se_escucha_en_él_una_vez_tras_otra() -> Result<(), Failure> {
        let port = Port::reserve()?;
        among_births(|| {
            for _ in 0..3_000 {
                let listener = Listener::at(port.address())?;
                assert_eq!(listener.local_addr()?.port().to_string(), port.number());
            }
            Ok(())
        })
    }

    #[test]
    fn quien_deja_de_escuchar_no_atiende_ni_un_momento_más() -> Result<(), Failure> {
        let port = Port::reserve()?;
        among_births(|| {
            for _ in 0..3_000 {
                drop(Listener::at(port.address())?);
                assert!(TcpStream::connect(port.address()).is_err());
            }
            Ok(())
        })
    }
}
