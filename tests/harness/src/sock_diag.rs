//! Lo que el núcleo sabe de un socket de esta máquina, preguntado por él solo (sock_diag(7)).
//!
//! `/proc/net/tcp` los trae todos, y después de una multitud son decenas de miles: leerlo cuesta dos
//! décimas de segundo, y esto, unos microsegundos.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::libc::{AF_INET, AF_INET6, AF_NETLINK, IPPROTO_TCP, NETLINK_SOCK_DIAG, NLM_F_REQUEST};
use socket2::{Domain, Protocol, Socket, Type};

/// El tipo de la pregunta y de la respuesta; un error llega con otro.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// En un `struct inet_diag_sockid`, que no se busca por su identificador.
const NO_COOKIE: [u8; 8] = [0xFF; 8];

/// Dos de los estados de un socket: quien ya acabó y el núcleo solo recuerda, y quien escucha.
const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;

/// Dónde están, en la respuesta, el tipo (`struct nlmsghdr`, 16 bytes), el estado y lo que hay en cada
/// cola (`struct inet_diag_msg`).
const KIND: usize = 4;
const STATE: usize = 17;
const RECEIVE_QUEUE: usize = 72;
const SEND_QUEUE: usize = 76;

/// Los bytes que han llegado al socket de `here`, conectado con `there`, y que su programa aún no ha
/// leído. Nada, si no es de esta máquina, ya acabó o el sistema no contesta.
pub(crate) fn unread(here: SocketAddr, there: SocketAddr) -> Option<u32> {
    let Answer { state, receive_queue, .. } = ask(&request(here, there)?)?;
    (state != TIME_WAIT).then_some(receive_queue)
}

/// Los clientes que caben en la cola de quien escucha en `address` (listen(2)): la columna `Send-Q` de
/// `ss -tln`. Nada, si nadie escucha ahí o el sistema no contesta.
pub fn queue_length(address: SocketAddr) -> Option<u32> {
    let nobody = match address.ip().to_canonical() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let Answer { state, send_queue, .. } = ask(&request(address, SocketAddr::new(nobody, 0))?)?;
    (state == LISTEN).then_some(send_queue)
}

/// Lo que dice el núcleo de un socket.
struct Answer {
    state: u8,
    receive_queue: u32,
    send_queue: u32,
}

/// Su respuesta está ya cuando el envío vuelve: quien contesta es el núcleo (netlink(7)).
fn ask(request: &[u8]) -> Option<Answer> {
    let protocol = Protocol::from(NETLINK_SOCK_DIAG);
    let mut kernel = Socket::new(Domain::from(AF_NETLINK), Type::RAW, Some(protocol)).ok()?;
    kernel.set_nonblocking(true).ok()?;
    kernel.send(request).ok()?;
    let mut answer = [0; 4096];
    let count = kernel.read(&mut answer).ok()?;
    let answer = &answer[..count];
    let number = |place: usize| {
        let bytes = answer.get(place..place + 4)?.try_into().ok()?;
        Some(u32::from_ne_bytes(bytes))
    };
    let is_about_a_socket = answer.get(KIND..KIND + 2)? == SOCK_DIAG_BY_FAMILY.to_ne_bytes();
    is_about_a_socket.then_some(Answer {
        state: *answer.get(STATE)?,
        receive_queue: number(RECEIVE_QUEUE)?,
        send_queue: number(SEND_QUEUE)?,
    })
}

/// `struct nlmsghdr` y `struct inet_diag_req_v2`: el socket con esas dos direcciones, en cualquier estado.
fn request(here: SocketAddr, there: SocketAddr) -> Option<Vec<u8>> {
    let (family, source, destination) = match (here.ip().to_canonical(), there.ip().to_canonical())
    {
        (IpAddr::V4(here), IpAddr::V4(there)) => {
            let padded = |octets: [u8; 4]| [octets.as_slice(), &[0; 12]].concat();
            (AF_INET, padded(here.octets()), padded(there.octets()))
        }
        (IpAddr::V6(here), IpAddr::V6(there)) => {
            (AF_INET6, here.octets().to_vec(), there.octets().to_vec())
        }
        _ => return None,
    };
    let byte = |number: i32| u8::try_from(number).ok();
    let body = [
        &[byte(family)?, byte(IPPROTO_TCP)?, 0, 0],
        u32::MAX.to_ne_bytes().as_slice(),
        &here.port().to_be_bytes(),
        &there.port().to_be_bytes(),
        &source,
        &destination,
        &[0; 4],
        &NO_COOKIE,
    ]
    .concat();
    let length = u32::try_from(16 + body.len()).ok()?;
    let flags = u16::try_from(NLM_F_REQUEST).ok()?;
    let head = [
        length.to_ne_bytes().as_slice(),
        &SOCK_DIAG_BY_FAMILY.to_ne_bytes(),
        &flags.to_ne_bytes(),
        &[0; 8],
    ]
    .concat();
    Some([head, body].concat())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn se_sabe_cuánto_falta_por_leer() {
        // Con «::», la conexión de IPv4 es, para el núcleo, de IPv6.
        for (listening, calling) in
            [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("[::]:0", "127.0.0.1")]
        {
            let Ok(listener) = TcpListener::bind(listening) else { continue };
            let port = listener.local_addr().unwrap().port();
            let mut client = TcpStream::connect((calling, port)).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let (here, there) = (client.peer_addr().unwrap(), client.local_addr().unwrap());
            assert_eq!(unread(here, there), Some(0), "{listening}");
            client.write_all(b"hola").unwrap();
            assert_eq!(unread(here, there), Some(4), "{listening}");
            server.read_exact(&mut [0; 3]).unwrap();
            assert_eq!(unread(here, there), Some(1), "{listening}");
        }
    }

    #[test]
    fn se_sabe_cuántos_caben_en_la_cola() {
        for address in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0"] {
            let address: SocketAddr = address.parse().unwrap();
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
            if socket.bind(&address.into()).is_err() {
                continue;
            }
            let address = socket.local_addr().unwrap().as_socket().unwrap();
            assert_eq!(queue_length(address), None);
            socket.listen(7).unwrap();
            assert_eq!(queue_length(address), Some(7), "{address}");
        }
    }

    #[test]
    fn de_quien_no_está_o_ya_acabó_no_se_sabe() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = listener.local_addr().unwrap();
        let client = TcpStream::connect(here).unwrap();
        let (server, there) = listener.accept().unwrap();
        drop(server);
        drop(client);
        // El primero que se despide queda en TIME_WAIT.
        assert_eq!(unread(here, there), None);
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 1));
        assert_eq!(unread(elsewhere, here), None);
    }
}
