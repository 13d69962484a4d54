//! Una conexión no bloqueante: bytes que llegan a trozos, bytes que salen cuando caben y un adiós
//! en orden.
//!
//! Aquí solo hay bytes; qué significan lo saben [`frame`](crate::frame) y
//! [`http`](crate::http). Lo que entra y lo que sale tienen un límite, y una conexión ociosa
//! no guarda ningún búfer: lo que se lee pasa por uno que el bucle presta.
//!
//! # El adiós
//!
//! Cerrar con bytes sin leer envía RST en vez de FIN (RFC 9293, 3.6.1), y lo que el núcleo aún no
//! hubiera entregado se pierde. Lo que ya había llegado, en Linux se puede leer; en otros sistemas,
//! quizá no (RFC 9112, 9.6). Por eso se termina en tres pasos: sale lo que queda en la cola; se
//! cierra solo nuestro lado; y lo que el otro aún envíe se lee y se descarta, hasta que cierre el
//! suyo o pase [`LINGER`]. [`Connection::leave`] lo hace sin bloquear;
//! [`linger`], en un socket bloqueante.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use nix::sys::socket::{self, Shutdown as How};

use crate::client_id::ClientId;
use crate::errors::reason;
use crate::steps::{Shown, Step};

/// Cuánto se espera, con nuestro lado ya cerrado, a que el otro cierre el suyo.
pub const LINGER: Duration = Duration::from_secs(2);

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
    /// No había nada que leer, o lo que había se descartó: nos estamos despidiendo.
    Empty,
    /// El otro extremo cerró su lado: `read` devolvió cero (read(2)).
    End,
}

/// No caben tantos bytes en la cola de salida: el otro extremo no lee, o lee despacio.
#[derive(Debug, PartialEq, Eq)]
pub struct Overflow;

/// Por dónde va el adiós.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// En plena conversación.
    Open,
    /// Nos vamos: falta que salga lo que hay en la cola.
    Leaving,
    /// Nuestro lado está cerrado: se descarta lo que el otro aún envíe.
    Lingering,
    /// No queda nada por hacer: se puede soltar.
    Over,
}

/// Un socket no bloqueante con lo recibido sin consumir y lo encolado sin escribir.
#[derive(Debug)]
pub struct Connection<S = TcpStream> {
    stream: S,
    id: ClientId,
    limits: &'static Limits,
    input: Queue,
    output: Queue,
    phase: Phase,
    /// El núcleo no admite más por ahora.
    blocked: bool,
    /// El núcleo no tiene más por ahora.
    drained: bool,
    /// La última lectura se llevó todo lo que había llegado: trajo menos de lo que cabía.
    emptied: bool,
    /// Aún no se le ha dicho nada.
    silent: bool,
    /// El otro extremo ya no enviará más.
    ended: bool,
}

impl<S: Read + Write + AsRawFd> Connection<S> {
    /// Envuelve `stream`, que debe ser no bloqueante.
    pub fn new(stream: S, id: ClientId, limits: &'static Limits) -> Connection<S> {
        Connection {
            stream,
            id,
            limits,
            input: Queue::new(),
            output: Queue::new(),
            phase: Phase::Open,
            blocked: false,
            drained: false,
            emptied: false,
            silent: true,
            ended: false,
        }
    }

    /// El socket.
    pub fn stream(&self) -> &S {
        &self.stream
    }

    /// Número del descriptor, para contar los pasos.
    pub fn raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Quién es.
    pub fn id(&self) -> ClientId {
        self.id
    }

    /// Por dónde va el adiós.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Si aún puede llegar algo. Tras el final, `select` y `epoll` dirían «listo» para siempre.
    pub fn wants_read(&self) -> bool {
        !self.ended
    }

    /// Si puede quedar algo por leer: la última lectura no topó con «ahora no» ni con el final.
    /// Por flanco hay que apuntarlo, porque el núcleo no lo repetirá (epoll(7)).
    pub fn may_have_more(&self) -> bool {
        !self.drained && !self.ended
    }

    /// Bytes que esperan en la cola de salida.
    pub fn pending(&self) -> usize {
        self.output.len()
    }

    /// Si queda algo en la cola de salida. Tras [`flush`](Connection::flush) es la razón, y la
    /// única, para pedir al núcleo que avise cuando se pueda escribir.
    pub fn wants_write(&self) -> bool {
        !self.output.is_empty()
    }

    /// Una lectura, y solo una: lo que quede despertará al bucle otra vez, y así nadie
    /// acapara el turno.
    ///
    /// Se lee sobre `scratch`, que es del bucle; la conexión guarda una copia de lo recibido.
    /// Nunca acumula más que `limits.input`: sin sitio, no lee y devuelve [`Fill::Empty`]. Errores:
    /// los de `read(2)` que acaban con la conexión, como ECONNRESET.
    // ANCHOR: fill
    pub fn fill(&mut self, scratch: &mut [u8]) -> io::Result<Fill> {
        let room = scratch.len().min(self.limits.input - self.input.len());
        if room == 0 {
            return Ok(Fill::Empty);
        }
        let (fd, client) = (self.raw_fd(), self.id);
        self.drained = false;
        match self.stream.read(&mut scratch[..room]) {
            Ok(0) => {
                Step::Read { fd, client, bytes: 0 }.tell();
                self.ended = true;
                if self.phase == Phase::Lingering {
                    self.phase = Phase::Over;
                }
                Ok(Fill::End)
            }
            Ok(bytes) => {
                Step::Read { fd, client, bytes }.tell();
                self.emptied = bytes < room;
                if self.phase != Phase::Open {
                    return Ok(Fill::Empty);
                }
                self.input.push(&scratch[..bytes]);
                Ok(Fill::Bytes(bytes))
            }
            Err(error) if not_now(&error) => {
                self.drained = true;
                Ok(Fill::Empty)
            }
            Err(error) => {
                Step::ReadFailed { fd, client, result: Shown(&reason(&error)) }.tell();
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

    /// Pone `bytes` al final de la cola de salida. Saldrán con [`flush`](Connection::flush): lo
    /// que se encola en una misma vuelta sale en una sola escritura.
    ///
    /// Si no caben, antes intenta hacerles sitio escribiendo: una sola vuelta puede traer más de lo
    /// que admite la cola, y solo de quien tampoco deja sitio en el núcleo se sabe que no lee.
    /// Errores: [`Overflow`] si la cola pasaría de `limits.output`; entonces no encola nada.
    pub fn queue(&mut self, bytes: &[u8]) -> Result<(), Overflow> {
        let full = |conn: &Self| conn.output.len() + bytes.len() > conn.limits.output;
        if full(self) && (self.on_writable().is_err() || full(self)) {
            return Err(Overflow);
        }
        self.output.push(bytes);
        self.silent = false;
        Ok(())
    }

    /// Escribe lo que quepa de la cola, con una sola llamada; el resto espera a
    /// [`on_writable`](Connection::on_writable). Vacía la cola, sigue el adiós si lo había.
    /// Errores: los de `write(2)` que acaban con la conexión, como EPIPE o ECONNRESET.
    // ANCHOR: flush
    pub fn flush(&mut self) -> io::Result<()> {
        if self.wants_write() && !self.blocked {
            let written = self.write()?;
            self.output.pop(written);
            // Una escritura parcial dice lo mismo que EAGAIN: el búfer del núcleo se llenó.
            self.blocked = self.wants_write();
        }
        if self.phase == Phase::Leaving && !self.wants_write() {
            self.close_our_side();
        }
        Ok(())
    }
    // ANCHOR_END: flush

    /// El núcleo avisó de que vuelve a haber sitio (Linux, cuando queda libre un tercio del búfer):
    /// escribe. Errores: los de [`flush`](Connection::flush).
    pub fn on_writable(&mut self) -> io::Result<()> {
        self.blocked = false;
        self.flush()
    }

    /// Una escritura: cuántos bytes admitió el núcleo, quizá ninguno.
    fn write(&mut self) -> io::Result<usize> {
        let (fd, client, pending) = (self.raw_fd(), self.id, self.output.len());
        let written = match self.stream.write(self.output.bytes()) {
            Err(error) if not_now(&error) => 0,
            Err(error) => {
                Step::WriteFailed { fd, client, result: Shown(&reason(&error)) }.tell();
                // No saldrá nada más. Y que lo diga también la lectura, tras lo que quede por leer.
                self.output = Queue::new();
                let _ = socket::shutdown(fd, How::Both);
                return Err(error);
            }
            Ok(written) => written,
        };
        Step::Write { fd, client, bytes: written, pending }.tell();
        Ok(written)
    }

    /// El otro anunció que no dirá más, y espera una respuesta corta. Si de lo que dijo no queda
    /// nada por leer, y no tiene otras por recoger, irse es cerrar: no hay que esperar a que cierre
    /// él. Con otras por delante, un byte suyo de más provocaría un RST, y las que no le hubieran
    /// llegado se perderían.
    pub fn expect_no_more(&mut self) {
        self.ended |= self.silent && self.emptied && self.input.is_empty();
    }

    // ANCHOR: leave
    /// Empieza el adiós, con `last_words` al final de la cola aunque esté llena. Desde
    /// aquí, lo que llegue se descarta, y cada [`flush`](Connection::flush) y cada
    /// [`fill`](Connection::fill) lo acercan a [`Phase::Over`].
    pub fn leave(&mut self, last_words: &[u8]) {
        if self.phase == Phase::Open {
            self.phase = Phase::Leaving;
            self.input = Queue::new();
            self.output.push(last_words);
        }
    }

    /// Cierra solo nuestro lado: el otro lee un final, y lo que ya salió le llega entero.
    /// Si él ya terminó, basta con soltar el socket.
    fn close_our_side(&mut self) {
        if self.ended {
            self.phase = Phase::Over;
            return;
        }
        let (fd, client) = (self.raw_fd(), self.id);
        Step::Shutdown { fd, client, result: "SHUT_WR" }.tell();
        // Si falla, el otro ya no está: no hay a quién decir adiós.
        let gone = socket::shutdown(fd, How::Write).is_err();
        self.phase = if gone { Phase::Over } else { Phase::Lingering };
    }
    // ANCHOR_END: leave
}

/// El mismo adiós en un socket bloqueante: cierra nuestro lado y, salvo que el otro ya lo hubiera
/// hecho, lee y descarta hasta que cierre el suyo, durante [`LINGER`] como mucho.
pub fn linger(mut stream: &TcpStream, ended: bool) {
    // Falla si el cliente ya cortó: no queda a quién decírselo.
    let _ = stream.shutdown(Shutdown::Write);
    if ended {
        return;
    }
    let deadline = Instant::now() + LINGER;
    let mut discarded = [0; 4096];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return;
        }
        match stream.read(&mut discarded) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// Bytes que crece de una vez una cola que no estaba vacía.
const GROWTH: usize = 4 * 1024;

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
        // Quien encola dos veces suele seguir: crecer de golpe ahorra mudanzas.
        if self.bytes.capacity() - self.bytes.len() < bytes.len() {
            self.bytes.reserve(bytes.len().max(GROWTH));
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
    use std::net::TcpListener;

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
    fn queda_por_leer_hasta_que_el_núcleo_dice_que_no_aunque_se_descarte() {
        let arriving = vec![vec![7; 60]].into();
        let mut conn = connection(Script { arriving, ..Script::default() });
        conn.fill(&mut [0; 50]).unwrap();
        conn.leave(b"");
        assert!(conn.may_have_more());
        conn.fill(&mut [0; 50]).unwrap();
        assert!(conn.may_have_more(), "lo descartado también se ha leído");
        conn.fill(&mut [0; 50]).unwrap();
        assert!(!conn.may_have_more());
    }

    #[test]
    fn una_cola_llena_rechaza_el_mensaje_entero_y_conserva_lo_anterior() {
        let mut conn = connection(Script::default());
        conn.queue(&[1; 60]).unwrap();
        assert_eq!(conn.queue(&[2; 5]), Err(Overflow));
        conn.queue(&[3; 4]).unwrap();
        conn.leave(b"hasta luego");
        assert_eq!(conn.output.len(), 64 + 11, "las últimas palabras caben siempre");
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
        conn.on_writable().unwrap();
        assert_eq!(conn.stream().written, b"abcdef");
        assert!(!conn.wants_write());
    }

    #[test]
    fn con_la_cola_llena_se_pregunta_otra_vez_al_núcleo_antes_de_rendirse() {
        let room = vec![3, 100].into();
        let mut conn = connection(Script { room, ..Script::default() });
        conn.queue(&[1; 60]).unwrap();
        conn.flush().unwrap();
        // El otro ya leyó, y aún no lo sabíamos: no es que no lea.
        conn.queue(&[2; 20]).unwrap();
        assert_eq!(conn.output.len(), 20);
    }

    #[test]
    fn una_conexión_ociosa_no_guarda_memoria() {
        let mut conn =
            connection(Script { arriving: vec![vec![7; 40]].into(), ..Script::default() });
        conn.fill(&mut [0; 64]).unwrap();
        conn.consume(40);
        assert_eq!(conn.input.bytes.capacity(), 0);
    }

    /// Los dos extremos de una conexión de verdad; el nuestro, no bloqueante.
    fn connected() -> (Connection, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ours = listener.accept().unwrap().0;
        (Connection::new(ours, ClientId(1), &LIMITS), theirs)
    }

    #[test]
    fn el_adiós_entrega_lo_encolado_y_descarta_lo_que_llega() {
        let (mut conn, mut theirs) = connected();
        theirs.write_all(b"sin leer").unwrap();
        conn.queue(b"hola, ").unwrap();
        conn.leave(b"y adios");
        conn.flush().unwrap();
        assert_eq!(conn.phase(), Phase::Lingering);
        assert_eq!(conn.fill(&mut [0; 64]).unwrap(), Fill::Empty);
        assert_eq!(conn.input(), b"");
        theirs.shutdown(Shutdown::Write).unwrap();
        assert_eq!(conn.fill(&mut [0; 64]).unwrap(), Fill::End);
        assert_eq!(conn.phase(), Phase::Over);
        drop(conn);
        let mut heard = String::new();
        theirs.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "hola, y adios");
    }

    #[test]
    fn quien_ya_cerró_su_lado_recibe_lo_suyo_y_no_se_le_espera() {
        let (mut conn, theirs) = connected();
        theirs.shutdown(Shutdown::Write).unwrap();
        assert_eq!(conn.fill(&mut [0; 64]).unwrap(), Fill::End);
        assert!(!conn.wants_read());
        conn.leave(b"adios");
        assert_eq!(conn.phase(), Phase::Leaving);
        conn.flush().unwrap();
        assert_eq!(conn.phase(), Phase::Over);
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
                conn.on_writable().unwrap();
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
