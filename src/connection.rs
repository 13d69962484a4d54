//! Una conexión no bloqueante: bytes que llegan a trozos y bytes que salen cuando caben.
//!
//! Aquí solo hay bytes; qué significan lo saben [`frame`](crate::frame) y
//! [`http`](crate::http). Lo que entra y lo que sale tienen un límite, y una conexión ociosa
//! no guarda ningún búfer: lo que se lee pasa por uno que el bucle presta.

use std::fmt;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};

use tracing::debug;

use crate::trace::counted;

/// Identifica a un cliente mientras vive el programa.
///
/// No es el número del descriptor: el núcleo da al siguiente cliente el número más bajo que
/// esté libre (open(2)), y quien guardara cosas por ese número las heredaría.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Cuántos bytes puede guardar una conexión en cada sentido.
#[derive(Debug)]
pub struct Limits {
    /// Recibidos y aún sin consumir.
    pub input: usize,
    /// Encolados y aún sin escribir.
    pub output: usize,
}

/// Qué dio una lectura.
#[derive(Debug, PartialEq, Eq)]
pub enum Fill {
    /// Llegaron tantos bytes.
    Bytes(usize),
    /// No había nada que leer.
    Empty,
    /// El otro extremo cerró su lado: `read` devolvió cero (read(2)).
    End,
}

/// No caben tantos bytes en la cola de salida: el otro extremo no lee, o lee despacio.
#[derive(Debug, PartialEq, Eq)]
pub struct Overflow;

/// Un socket no bloqueante con lo recibido sin consumir y lo encolado sin escribir.
#[derive(Debug)]
pub struct Connection<S> {
    stream: S,
    id: ClientId,
    limits: &'static Limits,
    input: Queue,
    output: Queue,
    blocked: bool,
}

impl<S: Read + Write + AsRawFd> Connection<S> {
    /// Envuelve `stream`, que debe ser no bloqueante.
    pub fn new(stream: S, id: ClientId, limits: &'static Limits) -> Connection<S> {
        Connection { stream, id, limits, input: Queue::new(), output: Queue::new(), blocked: false }
    }

    /// El socket.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Una lectura, y solo una: lo que quede despertará al bucle otra vez, y así nadie
    /// acapara el turno.
    ///
    /// Se lee sobre `scratch`, que es del bucle; la conexión guarda una copia de lo recibido.
    /// Nunca acumula más que `limits.input`: sin sitio, no lee y devuelve [`Fill::Empty`].
    ///
    /// # Errors
    /// Los de `read(2)` que acaban con la conexión, como ECONNRESET.
    // ANCHOR: fill
    pub fn fill(&mut self, scratch: &mut [u8]) -> io::Result<Fill> {
        let room = scratch.len().min(self.limits.input - self.input.len());
        if room == 0 {
            return Ok(Fill::Empty);
        }
        let (fd, client) = (self.raw_fd(), self.id.0);
        match self.stream.read(&mut scratch[..room]) {
            Ok(0) => {
                debug!(
                    what = "read",
                    fd,
                    client,
                    bytes = 0,
                    "read({fd}): 0 bytes, el otro extremo ya no enviará más"
                );
                Ok(Fill::End)
            }
            Ok(bytes) => {
                debug!(
                    what = "read",
                    fd,
                    client,
                    bytes,
                    "read({fd}): {}",
                    counted(bytes, "byte", "bytes")
                );
                self.input.push(&scratch[..bytes]);
                Ok(Fill::Bytes(bytes))
            }
            Err(error) if not_now(&error) => Ok(Fill::Empty),
            Err(error) => {
                let why = errors::reason(&error);
                debug!(what = "read", fd, client, result = why, "read({fd}): {why}");
                Err(error)
            }
        }
    }
    // ANCHOR_END: fill

    /// Lo recibido y sin consumir.
    pub fn input(&self) -> &[u8] {
        self.input.bytes()
    }

    /// Da por usados los primeros `count` bytes de [`input`](Connection::input).
    pub fn consume(&mut self, count: usize) {
        self.input.pop(count);
    }

    /// Pone `bytes` al final de la cola de salida, sin escribir todavía.
    ///
    /// # Errors
    /// [`Overflow`] si la cola pasaría de `limits.output`; entonces no encola nada.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        if bytes.len() > self.limits.output - self.output.len().min(self.limits.output) {
            return Err(Overflow);
        }
        self.output.push(bytes);
        Ok(())
    }

    /// Como [`queue`](Connection::queue), pero para unas últimas palabras que deben salir
    /// aunque la cola esté llena: quien las usa no encola nada después.
    pub fn queue_last(&mut self, bytes: &[u8]) {
        self.output.push(bytes);
    }

    /// Escribe lo que quepa de la cola, con una sola llamada; el resto espera a
    /// [`writable`](Connection::writable).
    ///
    /// # Errors
    /// Los de `write(2)` que acaban con la conexión, como EPIPE o ECONNRESET.
    // ANCHOR: flush
    pub fn flush(&mut self) -> io::Result<()> {
        if self.blocked || self.output.is_empty() {
            return Ok(());
        }
        let written = write(&mut self.stream, self.id, self.output.bytes())?;
        self.output.pop(written);
        // Una escritura parcial dice lo mismo que EAGAIN: el búfer del núcleo se llenó.
        self.blocked = self.wants_write();
        Ok(())
    }
    // ANCHOR_END: flush

    /// Envía `bytes`: si no hay nada esperando, los escribe sin pasarlos por la cola, y solo
    /// guarda en ella los que no quepan. No mira `limits.output`: quien llama pone el límite.
    ///
    /// # Errors
    /// Los de [`flush`](Connection::flush).
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() || self.wants_write() {
            self.output.push(bytes);
            return self.flush();
        }
        let written = write(&mut self.stream, self.id, bytes)?;
        self.output.push(&bytes[written..]);
        self.blocked = self.wants_write();
        Ok(())
    }

    /// El núcleo avisó de que vuelve a haber sitio: la próxima [`flush`](Connection::flush)
    /// lo intentará.
    pub fn writable(&mut self) {
        self.blocked = false;
    }

    /// Si queda algo en la cola de salida. Tras [`flush`](Connection::flush) es la razón, y la
    /// única, para pedir al núcleo que avise cuando se pueda escribir.
    pub fn wants_write(&self) -> bool {
        !self.output.is_empty()
    }

    /// Número del descriptor, para la traza.
    pub fn raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Quién es.
    pub fn id(&self) -> ClientId {
        self.id
    }
}

/// Una escritura: cuántos bytes admitió el núcleo, quizá ninguno.
fn write<S: Write + AsRawFd>(stream: &mut S, id: ClientId, bytes: &[u8]) -> io::Result<usize> {
    let (fd, client, pending) = (stream.as_raw_fd(), id.0, bytes.len());
    match stream.write(bytes) {
        Ok(bytes) => {
            debug!(what = "write", fd, client, bytes, "write({fd}): {bytes} de {pending} bytes");
            Ok(bytes)
        }
        Err(error) if not_now(&error) => {
            debug!(
                what = "write",
                fd,
                client,
                bytes = 0,
                result = "EAGAIN",
                "write({fd}): el búfer del núcleo está lleno; quedan {pending} bytes"
            );
            Ok(0)
        }
        Err(error) => {
            let why = errors::reason(&error);
            debug!(what = "write", fd, client, result = why, "write({fd}): {why}");
            Err(error)
        }
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Bytes en orden de llegada. Vacía no ocupa memoria: es lo que permite miles de conexiones
/// ociosas.
#[derive(Debug)]
struct Queue {
    bytes: Vec<u8>,
    start: usize,
}

impl Queue {
    const fn new() -> Queue {
        Queue { bytes: Vec::new(), start: 0 }
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn push(&mut self, bytes: &[u8]) {
        // Lo corriente, y más barato que hacer crecer un vector vacío.
        if self.is_empty() {
            self.bytes = bytes.to_vec();
            return;
        }
        // Recuperar el hueco del principio solo cuando ya es la mayor parte: así cada byte se
        // mueve, en promedio, una vez como mucho.
        if self.start > self.len() {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    fn pop(&mut self, count: usize) {
        self.start += count.min(self.len());
        if self.is_empty() {
            *self = Queue::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    static LIMITS: Limits = Limits { input: 64, output: 64 };

    /// Un socket de mentira: entrega lo que se le dio a trozos y acepta lo que se le permite.
    #[derive(Default)]
    struct Script {
        arriving: VecDeque<Vec<u8>>,
        room: VecDeque<usize>,
        written: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(mut piece) = self.arriving.pop_front() else {
                return Err(io::ErrorKind::WouldBlock.into());
            };
            let count = piece.len().min(buffer.len());
            buffer[..count].copy_from_slice(&piece[..count]);
            if count < piece.len() {
                self.arriving.push_front(piece.split_off(count));
            }
            Ok(count)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.room.pop_front() {
                None | Some(0) => Err(io::ErrorKind::WouldBlock.into()),
                Some(room) => {
                    let count = room.min(bytes.len());
                    self.written.extend_from_slice(&bytes[..count]);
                    Ok(count)
                }
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl AsRawFd for Script {
        fn as_raw_fd(&self) -> RawFd {
            -1
        }
    }

    fn connection(script: Script) -> Connection<Script> {
        Connection::new(script, ClientId(1), &LIMITS)
    }

    #[test]
    fn lo_recibido_nunca_pasa_del_límite() {
        let arriving = vec![vec![7; 200]].into();
        let mut conn = connection(Script { arriving, ..Script::default() });
        let mut scratch = [0; 50];
        assert_eq!(conn.fill(&mut scratch).unwrap(), Fill::Bytes(50));
        assert_eq!(conn.fill(&mut scratch).unwrap(), Fill::Bytes(14));
        assert_eq!(conn.fill(&mut scratch).unwrap(), Fill::Empty);
        assert_eq!(conn.input().len(), 64);
    }

    #[test]
    fn una_cola_llena_rechaza_el_mensaje_entero_y_conserva_lo_anterior() {
        let mut conn = connection(Script::default());
        conn.queue(&[1; 60]).unwrap();
        assert_eq!(conn.queue(&[2; 5]), Err(Overflow));
        conn.queue(&[3; 4]).unwrap();
        conn.queue_last(b"hasta luego");
        assert_eq!(conn.queue(b"x"), Err(Overflow));
    }

    #[test]
    fn tras_una_escritura_corta_no_insiste_hasta_que_el_núcleo_avisa() {
        let room = vec![3, 100].into();
        let mut conn = connection(Script { room, ..Script::default() });
        conn.queue(b"abcdef").unwrap();
        conn.flush().unwrap();
        conn.flush().unwrap();
        assert_eq!(conn.stream().written, b"abc");
        assert!(conn.wants_write());
        conn.writable();
        conn.flush().unwrap();
        assert_eq!(conn.stream().written, b"abcdef");
        assert!(!conn.wants_write());
    }

    #[test]
    fn lo_que_se_envía_pasa_por_la_cola_solo_si_no_cabe() {
        let room = vec![100, 3, 100].into();
        let mut conn = connection(Script { room, ..Script::default() });
        conn.send(b"abc").unwrap();
        assert!(!conn.wants_write());
        assert_eq!(conn.output.bytes.capacity(), 0);
        conn.send(b"defghi").unwrap();
        assert!(conn.wants_write());
        conn.send(b"jkl").unwrap();
        assert_eq!(conn.stream().written, b"abcdef", "lo que espera va delante");
        conn.writable();
        conn.send(b"").unwrap();
        assert_eq!(conn.stream().written, b"abcdefghijkl");
    }

    #[test]
    fn una_conexión_ociosa_no_guarda_memoria() {
        let mut conn =
            connection(Script { arriving: vec![vec![7; 40]].into(), ..Script::default() });
        conn.fill(&mut [0; 64]).unwrap();
        conn.consume(40);
        assert_eq!(conn.input.bytes.capacity(), 0);
    }

    proptest! {
        #[test]
        fn los_bytes_salen_los_mismos_y_en_orden(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..30),
            room in prop::collection::vec(0_usize..30, 0..40),
        ) {
            let mut conn = connection(Script { room: room.into(), ..Script::default() });
            let mut accepted = Vec::new();
            for message in &messages {
                if conn.queue(message).is_ok() {
                    accepted.extend_from_slice(message);
                }
                conn.writable();
                conn.flush().unwrap();
            }
            let mut seen = conn.stream().written.clone();
            seen.extend_from_slice(conn.output.bytes());
            prop_assert_eq!(seen, accepted);
        }

        #[test]
        fn los_bytes_entran_los_mismos_y_en_orden(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..90), 1..30),
            consumed in prop::collection::vec(1_usize..64, 1..200),
        ) {
            let sent = pieces.concat();
            let mut conn = connection(Script { arriving: pieces.into(), ..Script::default() });
            let mut received = Vec::new();
            for count in consumed {
                conn.fill(&mut [0; 32]).unwrap();
                let count = count.min(conn.input().len());
                received.extend_from_slice(&conn.input()[..count]);
                conn.consume(count);
            }
            received.extend_from_slice(conn.input());
            prop_assert!(sent.starts_with(&received));
        }
    }
}
