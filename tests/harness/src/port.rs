//! Un puerto que nadie más ocupará, para quien ha de escuchar en él más de una vez.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn se_escucha_en_él_una_vez_tras_otra() -> Result<(), Failure> {
        let port = Port::reserve()?;
        for _ in 0..3 {
            let listener = TcpListener::bind(port.address())?;
            assert_eq!(listener.local_addr()?.port().to_string(), port.number());
        }
        Ok(())
    }
}
