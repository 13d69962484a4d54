//! Sockets que escuchan: con las precauciones que las recetas olvidan.
//!
//! Reutilizar la dirección, una cola de espera amplia y no morir cuando se acaban los
//! descriptores: eso último es [`Pause`].

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use crate::errors::reason;
use crate::steps::{Shown, Step};

/// Conexiones completas que el núcleo guarda mientras el programa no las acepta.
///
/// Con una cola corta, el núcleo descarta el SYN que no cabe y el cliente lo repite un
/// segundo después: de ahí los misteriosos retrasos de un segundo (listen(2), tcp(7)). El
/// núcleo recorta este valor a `net.core.somaxconn`, y después admite una más.
pub const BACKLOG: i32 = 1024;

/// Convierte lo que la persona escribió en `--host` y `--port` en una dirección, IPv4 o IPv6.
///
/// Si el nombre tiene varias direcciones se usa la primera: `getaddrinfo(3)` las da en el orden en
/// que conviene probarlas. Errores: el nombre no existe o no tiene direcciones.
pub fn resolve(host: &str, port: u16) -> io::Result<SocketAddr> {
    (host, port)
        .to_socket_addrs()?
        .next()
        .ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// Crea un socket TCP, lo une a `address` y lo pone a escuchar: `socket(2)`, `bind(2)` y
/// `listen(2)` de una vez, en modo no bloqueante.
///
/// SO_REUSEADDR permite volver a arrancar sobre el mismo puerto aunque queden conexiones
/// anteriores en TIME_WAIT (socket(7)), si quien las dejó también la había pedido. Y sin bloqueo,
/// `accept` nunca duerme: entre el aviso y la llamada, el cliente puede irse (accept(2)). Linux
/// entrega su conexión de todos modos, y el error lo da la primera lectura; otros sistemas la
/// quitan de la cola. Lo que pide [`give_up_on_the_lost`] lo heredan en Linux las conexiones que se
/// acepten: no cuesta nada en cada una. Errores: los de las tres llamadas: puerto ocupado, sin
/// permiso, dirección ajena a la máquina.
// ANCHOR: listen
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    give_up_on_the_lost(&socket)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true)?;
    Step::Listen { fd: listener.as_raw_fd() }.tell();
    Ok(listener)
}
// ANCHOR_END: listen

/// Pide al núcleo que dé por perdida la conexión de quien lleva dos minutos sin dar señales: su
/// máquina se apagó, o se cortó la red, y su FIN no llegará nunca.
///
/// Son dos opciones, porque son dos silencios. SO_KEEPALIVE es para cuando no hay nada que decirle:
/// tras un minuto callado, se le pregunta tres veces, cada veinte segundos (socket(7), tcp(7)).
/// TCP_USER_TIMEOUT, para cuando hay bytes que no confirma, o que no admite: sin ella, el núcleo
/// los repetiría un cuarto de hora (tcp(7), `tcp_retries2`). Después, leer o escribir da ETIMEDOUT.
/// A quien pone plazo a todo lo que espera no le hacen falta. Errores: los de `setsockopt(2)`.
pub fn give_up_on_the_lost(socket: &impl AsFd) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20))
        .with_retries(3);
    let socket = SockRef::from(socket);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(120)))
}

/// Prepara un socket recién aceptado para un bucle: sin bloqueo y sin la demora de Nagle, de modo
/// que una respuesta pequeña no espera a que confirmen la anterior (tcp(7)). Errores: los de
/// `ioctl(2)` y `setsockopt(2)`.
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)
}

/// Acepta a un cliente y lo [prepara](prepare), para quien no lleve la cuenta de una [`Pause`].
/// `None` si no espera nadie o, fuera de Linux, se arrepintió. Errores: los de accept(2) que no son
/// del cliente: no quedan descriptores, sobre todo.
pub fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => prepare(&stream).map(|()| Some(stream)),
        Err(error) if is_about_the_client(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

// ANCHOR: pause
/// Cuándo se deja de aceptar, y hasta cuándo.
///
/// Sin descriptores libres, quien espera sigue en la cola del núcleo y el socket que escucha
/// continúa «listo»: insistir sería un bucle sin descanso. Se deja de vigilar hasta que se vaya
/// un cliente, o un momento.
#[derive(Debug, Default)]
pub struct Pause {
    until: Option<Instant>,
}

impl Pause {
    /// Lo que se espera antes de volver a intentarlo, si no se libera nada antes.
    pub const RETRY: Duration = Duration::from_secs(1);

    /// Decide qué hacer con un fallo de `accept` sobre `listener`.
    ///
    /// Los que accept(2) atribuye al cliente que se fue no son nada: habrá otro. Tras cualquier
    /// otro (EMFILE, ENFILE, ENOBUFS, ENOMEM y lo que nadie espera) empieza la pausa.
    pub fn after(&mut self, error: &io::Error, listener: &impl AsRawFd) {
        if !is_about_the_client(error) {
            Step::Pause { fd: listener.as_raw_fd(), result: Shown(&reason(error)) }.tell();
            self.until = Some(Instant::now() + Pause::RETRY);
        }
    }

    /// Hasta cuándo, si se ha dejado de aceptar.
    pub fn until(&self) -> Option<Instant> {
        self.until
    }

    /// Se liberó algo: la pausa acaba en cuanto se mire.
    pub fn shorten(&mut self, now: Instant) {
        self.until = self.until.map(|until| until.min(now));
    }

    /// Si la pausa terminó justo ahora: toca volver a vigilar `listener`.
    pub fn resume(&mut self, now: Instant, listener: &impl AsRawFd) -> bool {
        let over = self.until.is_some_and(|until| until <= now);
        if over {
            Step::Resume { fd: listener.as_raw_fd() }.tell();
            self.until = None;
        }
        over
    }
}
// ANCHOR_END: pause

fn is_about_the_client(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
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
                | Errno::ETIMEDOUT
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn local() -> TcpListener {
        listen((Ipv4Addr::LOCALHOST, 0).into()).unwrap()
    }

    #[test]
    fn t4_17_cada_conexión_preparada_lleva_tcp_nodelay_y_no_bloquea() {
        let listener = local();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        prepare(&client).unwrap();
        assert!(client.nodelay().unwrap());
        let error = io::Read::read(&mut &client, &mut [0]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    /// POSIX no promete que un socket aceptado herede las opciones del que escucha; Linux lo cumple.
    #[test]
    fn f15_a_una_conexión_aceptada_no_se_la_espera_para_siempre() {
        let listener = local();
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = accept(&listener).unwrap().unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), Duration::from_secs(60));
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), Duration::from_secs(20));
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(120)));
    }

    #[test]
    fn sin_nadie_en_la_cola_accept_no_duerme_ni_hay_pausa() {
        let (listener, mut pause) = (local(), Pause::default());
        pause.after(&listener.accept().unwrap_err(), &listener);
        assert_eq!(pause.until(), None);
    }

    #[test]
    fn sin_descriptores_se_espera_hasta_que_se_libere_alguno() {
        let (listener, mut pause) = (local(), Pause::default());
        pause.after(&io::Error::from_raw_os_error(Errno::EMFILE as i32), &listener);
        assert!(!pause.resume(Instant::now(), &listener));
        pause.shorten(Instant::now());
        assert!(pause.resume(Instant::now(), &listener));
        assert_eq!(pause.until(), None);
    }

    #[test]
    fn localhost_se_resuelve_y_un_nombre_inventado_no() {
        assert!(resolve("localhost", 80).unwrap().ip().is_loopback());
        assert!(resolve("no-existe.invalid", 80).is_err());
    }
}
