//! La conversación con un servidor: una dirección, un acta y quienes hablan con él.

use std::io;
use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use crate::failure::Failure;
use crate::limits;
use crate::peer::Peer;
use crate::program::{Still, let_settle};
use crate::transcript::{Transcript, Watched};
use crate::waiting::{DEFAULT_LIMIT, Deadline};
use crate::wording;

/// Lo que se espera a que entre una multitud.
const CROWD_LIMIT: Duration = Duration::from_secs(30);

/// Cuántas veces se detiene a quien trabaja, cuánto se le deja y cuánto se le detiene: más que los
/// 5 ms que, en Python, un hilo espera su turno (`sys.setswitchinterval`).
const JOSTLES: usize = 30;
const AT_WORK: Duration = Duration::from_millis(1);
const HELD: Duration = Duration::from_millis(6);

/// Una conversación con un servidor, con cuantos participantes haga falta.
///
/// Cada participante es una conexión TCP con nombre, y todos comparten un acta: cuando algo
/// no es lo esperado, el [`Failure`] la enseña entera.
///
/// ```no_run
/// # use harness::{Conversation, Failure};
/// # fn main() -> Result<(), Failure> {
/// # let address = "127.0.0.1:8800".parse().unwrap();
/// let echo = Conversation::with(address);
/// let mut client = echo.peer("cliente 1")?;
/// client.send("hola")?;
/// client.half_close()?;
/// client.expect("hola")?;
/// client.expect_end()
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Conversation {
    address: SocketAddr,
    limit: Duration,
    transcript: Transcript,
}

impl Conversation {
    /// Una conversación en bytes con quien escuche en `address`: el eco, la web.
    pub fn with(address: SocketAddr) -> Self {
        Self::new(address, false)
    }

    /// Una conversación en marcos (4 bytes de longitud y texto): el chat.
    ///
    /// Solo cambia cómo se escriben los bytes en los informes; todo participante puede enviar y
    /// esperar cualquier cosa.
    pub fn in_frames(address: SocketAddr) -> Self {
        Self::new(address, true)
    }

    fn new(address: SocketAddr, in_frames: bool) -> Self {
        Self { address, limit: DEFAULT_LIMIT, transcript: Transcript::new(address, in_frames) }
    }

    /// Cuánto puede durar cada paso de quienes se conecten desde ahora ([`DEFAULT_LIMIT`] si no).
    pub fn limit(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Cuánto puede durar cada paso.
    pub(crate) fn patience(&self) -> Duration {
        self.limit
    }

    /// Cuando a alguien se le acabe la espera, el informe contará también lo que diga `witness` en ese
    /// momento, bajo el título «Mientras tanto»: qué hacía el servidor, si está en este proceso.
    pub fn witnessed_by(self, witness: fn() -> Vec<String>) -> Self {
        self.transcript.witnessed_by(witness);
        self
    }

    /// Nadie podría repetir a mano lo que se hable aquí: el servidor no es el que pondría en marcha, o
    /// depende de algo que solo hace la prueba. Los informes no lo intentan.
    pub fn unrepeatable(self) -> Self {
        self.transcript.unrepeatable();
        self
    }

    /// La dirección del servidor.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Con quien se habla es ese: los fallos contarán qué hacía en el momento en que ocurren.
    pub(crate) fn watch(&self, server: Watched) {
        self.transcript.watch(server);
    }

    /// Si se probó menos de lo que se quería, porque no se sabe qué proceso es el servidor o no se le
    /// puede detener.
    pub(crate) fn fell_short(&self) -> bool {
        self.transcript.fell_short()
    }

    /// Lo que se envíe en `script` lo encuentra el servidor todo a la vez: si se puede, está detenido
    /// mientras tanto. Sin esto, en una máquina ocupada lo atendería según llega.
    pub(crate) fn all_at_once<T>(
        &self,
        script: impl FnOnce() -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _still = self.transcript.stoppable().map(Still::new);
        script()
    }

    /// Detiene al servidor y lo suelta, muchas veces seguidas, mientras trabaja; si se puede. Donde se
    /// detiene a uno de sus hilos, otro lo adelanta: lo que solo sale bien por suerte, con esto sale mal.
    pub(crate) fn jostle(&self) {
        let Some(server) = self.transcript.stoppable() else { return };
        for _ in 0..JOSTLES {
            thread::sleep(AT_WORK);
            let _still = Still::new(server);
            thread::sleep(HELD);
        }
    }

    /// Deja que el servidor, si se sabe qué proceso es, acabe lo que tenga entre manos.
    pub(crate) fn let_settle(&self) {
        self.transcript.visible().into_iter().for_each(let_settle);
    }

    /// Añade el acta a un fallo que no es de ningún participante.
    pub(crate) fn told(&self, failure: Failure) -> Failure {
        self.transcript.attach_to(failure, None)
    }

    /// Conecta a alguien más.
    pub fn peer(&self, name: &str) -> Result<Peer, Failure> {
        self.connect(name, None)
    }

    /// Conecta a alguien cuyo búfer de recepción es pequeño (`SO_RCVBUF`, en bytes; socket(7)).
    ///
    /// Si además no lee, al servidor se le acaba pronto el sitio donde escribir. El núcleo duplica
    /// el valor y no admite menos de unos 2 KiB. `nc` lee siempre: lo que dependa de esto no se puede
    /// repetir a mano, y el informe no lo intenta.
    pub fn peer_with_receive_buffer(&self, name: &str, bytes: usize) -> Result<Peer, Failure> {
        self.transcript.unrepeatable();
        self.connect(name, Some(bytes))
    }

    /// Conecta a `count` participantes a la vez: `cliente 1`, `cliente 2`…
    ///
    /// Antes sube hasta donde se pueda el límite de descriptores de este proceso. Han de entrar
    /// todos en medio minuto: con la cola de listen(2) llena, entrarían de uno en uno y a segundo
    /// por cabeza.
    pub fn peers(&self, name: &str, count: usize) -> Result<Vec<Peer>, Failure> {
        self.peers_within(name, count, CROWD_LIMIT)
    }

    fn peers_within(
        &self,
        name: &str,
        count: usize,
        limit: Duration,
    ) -> Result<Vec<Peer>, Failure> {
        limits::raise_descriptor_limit();
        let deadline = Deadline::after(limit);
        let mut peers = Vec::new();
        while peers.len() < count {
            if deadline.remaining().is_none() {
                let entered = format!("{} de {count} «{name}»", peers.len());
                return Err(self.too_slow(&entered, limit));
            }
            peers.push(self.peer(&format!("{name} {}", peers.len() + 1))?);
        }
        Ok(peers)
    }

    fn too_slow(&self, entered: &str, limit: Duration) -> Failure {
        let (limit, address) = (wording::duration(limit), self.address);
        let headline = format!("En {limit} solo pudieron conectarse con {address} {entered}.");
        Failure::new(headline).hint(
            "con la cola de listen(2) llena, el núcleo descarta a quien llega, que insiste al cabo \
             de un segundo: ¿es corta la cola, o tarda el servidor en aceptar?",
        )
    }

    fn connect(&self, name: &str, receive_buffer: Option<usize>) -> Result<Peer, Failure> {
        let socket = self
            .open_socket(receive_buffer)
            .map_err(|error| self.could_not_connect(name, &error))?;
        Peer::new(name, socket.into(), self.limit, self.transcript.clone())
    }

    fn open_socket(&self, receive_buffer: Option<usize>) -> io::Result<Socket> {
        let domain = Domain::for_address(self.address);
        let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
        if let Some(bytes) = receive_buffer {
            // Antes de conectar: el tamaño de la ventana se acuerda en el saludo (tcp(7)).
            socket.set_recv_buffer_size(bytes)?;
        }
        // Cada `send` sale tal cual: los trozos del guion no deben juntarse aquí.
        socket.set_tcp_nodelay(true)?;
        socket.connect_timeout(&self.address.into(), self.limit)?;
        Ok(socket)
    }

    fn could_not_connect(&self, name: &str, error: &io::Error) -> Failure {
        let why = errors::reason(error);
        let headline = format!("«{name}» no pudo conectarse con {}: {why}.", self.address);
        self.told(Failure::new(headline))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn una_multitud_que_no_acaba_de_entrar_lo_dice() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let conversation = Conversation::with(listener.local_addr().unwrap());
        assert_eq!(conversation.peers("cliente", 3).unwrap().len(), 3);
        let failure = conversation.peers_within("cliente", 3, Duration::ZERO).unwrap_err();
        assert!(failure.headline().ends_with("0 de 3 «cliente»."), "{failure}");
        assert!(failure.to_string().contains("la cola de listen(2)"), "{failure}");
    }
}
