//! La conversación con un navegador: qué se hace con los bytes que llegan y qué se responde.
//!
//! Aquí no hay `epoll`. Cada método avanza hasta donde puede sin esperar y vuelve; quién
//! espera, y por qué, es asunto de [`server`](crate::server).

use std::fmt;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use multiplexacion::connection::{ClientId, Connection, Fill, Limits};
use multiplexacion::errors;
use multiplexacion::http::{self, Body, Method, Persistence, Refusal, Response, Status};
use tracing::debug;

/// La línea fija de la lección: 25 caracteres que son 26 bytes, porque «¡» ocupa dos.
pub(crate) const LINE: &str = "¡Hola desde EpollServer!\n";

/// Cuánto se sigue leyendo, para descartarlo, lo que envía un cliente del que ya nos hemos
/// despedido.
const LINGER: Duration = Duration::from_secs(2);

/// La entrada es la cabecera más larga. La salida no necesita más que las respuestas a cuantas
/// peticiones quepan en la entrada: mientras quede algo por escribir, no se lee más.
static LIMITS: Limits = Limits { input: http::MAX_HEAD, output: 128 * 1024 };

/// Cuánto se espera a un cliente.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Para una cabecera, desde su primer byte.
    pub(crate) head: Duration,
    /// Sin actividad, o para un cuerpo entero.
    pub(crate) idle: Duration,
}

/// Lo que el bucle presta a cada cliente mientras lo atiende.
pub(crate) struct Desk {
    /// La hora a la que despertó el bucle: basta una por vuelta.
    pub(crate) now: Instant,
    /// Donde se lee. Es uno para todos: una conexión ociosa no guarda ningún búfer.
    pub(crate) scratch: Box<[u8]>,
    pub(crate) patience: Patience,
    /// Cuándo termina el servidor, si ya se le pidió: ningún plazo llega más allá.
    pub(crate) closing_time: Option<Instant>,
    /// Donde se juntan las respuestas de una lectura, para que salgan en una escritura.
    outbox: Vec<u8>,
    answer: Vec<u8>,
    answer_expires: Instant,
}

impl Desk {
    pub(crate) fn new(patience: Patience) -> Desk {
        let now = Instant::now();
        let scratch = vec![0; http::MAX_HEAD].into_boxed_slice();
        Desk {
            now,
            scratch,
            patience,
            closing_time: None,
            outbox: Vec::new(),
            answer: Vec::new(),
            answer_expires: now,
        }
    }

    /// Hasta cuándo se espera algo para lo que se da tanta paciencia.
    fn until(&self, patience: Duration) -> Instant {
        let when = self.now + patience;
        self.closing_time.map_or(when, |limit| when.min(limit))
    }

    /// Añade una respuesta a las que van a salir. La de la lección se guarda ya codificada:
    /// solo cambia su fecha, una vez por segundo.
    fn answer(&mut self, reply: Reply) {
        if reply != Reply::OK {
            self.outbox.extend_from_slice(&reply.encode(SystemTime::now()));
            return;
        }
        if self.now >= self.answer_expires {
            let clock = SystemTime::now();
            self.answer = Reply::OK.encode(clock);
            self.answer_expires = self.now + left_of_the_second(clock);
        }
        self.outbox.extend_from_slice(&self.answer);
    }
}

/// Cuánto falta para que cambie el segundo del reloj.
fn left_of_the_second(clock: SystemTime) -> Duration {
    let since = clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Duration::from_nanos(1_000_000_000 - u64::from(since.subsec_nanos()))
}

/// Qué se va a responder a una petición.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Reply {
    method: Method,
    persistence: Persistence,
}

impl Reply {
    const OK: Reply = Reply { method: Method::Get, persistence: Persistence::Implicit };

    /// GET y HEAD reciben la línea; de los demás métodos se dice que no se atienden.
    fn content(self) -> (Status, &'static str) {
        match self.method {
            Method::Get | Method::Head => (Status::OK, LINE),
            Method::Known => (Status::METHOD_NOT_ALLOWED, "Solo se atienden GET y HEAD.\n"),
            Method::Unknown => (Status::NOT_IMPLEMENTED, "Ese método no se conoce.\n"),
        }
    }

    fn encode(self, clock: SystemTime) -> Vec<u8> {
        let (status, body) = self.content();
        let with_body = self.method != Method::Head;
        Response { status, body, with_body, persistence: self.persistence }.encode(clock)
    }
}

/// Por dónde va la conversación.
#[derive(Debug)]
enum Stage {
    /// Se espera una cabecera, de la que ya se examinaron `scanned` bytes.
    Head { scanned: usize },
    /// Se descarta el cuerpo de una petición; después se enviará la respuesta.
    Body { body: Body, reply: Reply },
    /// La última respuesta está en la cola; tras ella se cierra.
    Farewell,
    /// Nuestro lado está cerrado: se descarta lo que aún envíe el otro.
    Lingering,
}

/// Por qué se cierra una conexión.
#[derive(Debug)]
pub(crate) enum CloseReason {
    /// El cliente cerró su lado, sin dejar nada a medias o dejándolo.
    Left,
    /// Ya tiene la última respuesta que iba a recibir.
    Served,
    /// El socket falló: un reinicio de la conexión, casi siempre.
    Broken(io::Error),
    /// No hizo nada durante demasiado tiempo.
    Idle,
    /// No leyó su respuesta a tiempo.
    NotReading,
    /// El servidor termina.
    Stopping,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Left => f.write_str("el cliente se fue"),
            CloseReason::Served => f.write_str("conversación terminada"),
            CloseReason::Broken(error) => f.write_str(&errors::reason(error)),
            CloseReason::Idle => f.write_str("sin actividad"),
            CloseReason::NotReading => f.write_str("no lee su respuesta"),
            CloseReason::Stopping => f.write_str("el servidor termina"),
        }
    }
}

/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
#[derive(Debug)]
pub(crate) struct Client {
    conn: Connection<TcpStream>,
    stage: Stage,
    deadline: Instant,
    closing: Option<CloseReason>,
}

impl Client {
    pub(crate) fn new(stream: TcpStream, id: ClientId, desk: &Desk) -> Client {
        let deadline = desk.until(desk.patience.idle);
        let conn = Connection::new(stream, id, &LIMITS);
        Client { conn, stage: Stage::Head { scanned: 0 }, deadline, closing: None }
    }

    pub(crate) fn conn(&self) -> &Connection<TcpStream> {
        &self.conn
    }

    /// Hasta cuándo se le espera.
    pub(crate) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Por qué hay que cerrarlo, si hay que cerrarlo.
    pub(crate) fn closing(&self) -> Option<&CloseReason> {
        self.closing.as_ref()
    }

    // ANCHOR: readable
    /// EPOLLIN: han llegado bytes, o el fin.
    pub(crate) fn on_readable(&mut self, desk: &mut Desk) {
        let waiting = self.is_between_requests();
        match self.conn.fill(&mut desk.scratch) {
            Ok(Fill::Bytes(_)) => {
                let advanced = self.advance(desk);
                if waiting || advanced {
                    self.renew_deadline(desk, advanced);
                }
                self.send(desk);
            }
            // Cero bytes es el fin, y hay que mirarlo: quien no cierra aquí recibe EPOLLIN
            // otra vez, para siempre.
            Ok(Fill::End) => self.closing = Some(CloseReason::Left),
            Ok(Fill::Empty) => {}
            Err(error) => self.closing = Some(CloseReason::Broken(error)),
        }
    }
    // ANCHOR_END: readable

    /// EPOLLOUT: vuelve a haber sitio para lo que quedó por escribir.
    pub(crate) fn on_writable(&mut self, desk: &mut Desk) {
        self.conn.writable();
        self.deadline = desk.until(desk.patience.idle);
        self.send(desk);
    }

    /// EPOLLERR o EPOLLHUP sin nada que leer: el socket ya no sirve.
    pub(crate) fn on_hang_up(&mut self) {
        let error = self.conn.stream().take_error().ok().flatten();
        self.closing.get_or_insert(error.map_or(CloseReason::Left, CloseReason::Broken));
    }

    /// Se agotó su plazo.
    pub(crate) fn on_deadline(&mut self, desk: &mut Desk) {
        if self.conn.wants_write() {
            self.closing = Some(CloseReason::NotReading);
        } else if matches!(self.stage, Stage::Lingering) {
            self.closing = Some(CloseReason::Served);
        } else if self.is_between_requests() {
            self.closing = Some(CloseReason::Idle);
        } else {
            let reason = "la petición no llegó entera a tiempo";
            self.refuse(&Refusal { status: Status::REQUEST_TIMEOUT, reason }, desk);
            self.send(desk);
        }
    }

    /// El servidor termina: quien tenga una respuesta a medias la recibe entera, hasta
    /// `limit`; los demás no esperan nada.
    pub(crate) fn on_stop(&mut self, limit: Instant) {
        match self.stage {
            Stage::Lingering => {}
            _ if self.conn.wants_write() => self.stage = Stage::Farewell,
            _ => self.closing = Some(CloseReason::Stopping),
        }
        self.deadline = self.deadline.min(limit);
    }

    /// Atiende cuantas peticiones enteras haya en la entrada: pueden llegar varias en una
    /// lectura (RFC 9112 §9.3.2). Devuelve si acabó de leer alguna cabecera o algún cuerpo.
    fn advance(&mut self, desk: &mut Desk) -> bool {
        let mut advanced = false;
        loop {
            let progress = match &mut self.stage {
                Stage::Head { .. } => self.read_head(desk),
                Stage::Body { .. } => self.skip_body(desk),
                Stage::Farewell => Ok(false),
                Stage::Lingering => {
                    self.conn.consume(usize::MAX);
                    Ok(false)
                }
            };
            match progress {
                Ok(true) => advanced = true,
                Ok(false) => return advanced,
                Err(refusal) => self.refuse(&refusal, desk),
            }
        }
    }

    /// Busca una cabecera entera. Devuelve si la encontró.
    fn read_head(&mut self, desk: &mut Desk) -> Result<bool, Refusal> {
        let Stage::Head { scanned } = &mut self.stage else { return Ok(false) };
        let blank = http::leading_blank(self.conn.input());
        if blank > 0 {
            self.conn.consume(blank);
            *scanned = 0;
        }
        let input = self.conn.input();
        if http::end_of_head(input, *scanned).is_none() {
            *scanned = input.len();
            let full = input.len() >= http::MAX_HEAD;
            let reason = "la cabecera pasa de 8 KiB";
            let refusal = Refusal { status: Status::FIELDS_TOO_LARGE, reason };
            return if full { Err(refusal) } else { Ok(false) };
        }
        let request = http::parse_head(input)?;
        self.conn.consume(request.head_length);
        let mut reply = Reply { method: request.method, persistence: request.persistence };
        if request.body.is_done() {
            self.answer(reply, desk);
        } else if request.expects_continue {
            // Quien pregunta antes de enviar el cuerpo ya tiene su respuesta; si lo enviará o
            // no, no se sabe: por eso se cierra (RFC 9110 §10.1.1).
            reply.persistence = Persistence::Close;
            self.answer(reply, desk);
        } else {
            self.stage = Stage::Body { body: request.body, reply };
        }
        Ok(true)
    }

    /// Descarta lo que haya llegado del cuerpo y, cuando no falta nada, responde. Devuelve si
    /// acabó.
    fn skip_body(&mut self, desk: &mut Desk) -> Result<bool, Refusal> {
        let Stage::Body { body, reply } = &mut self.stage else { return Ok(false) };
        let reply = *reply;
        let used = body.skip(self.conn.input())?;
        let done = body.is_done();
        self.conn.consume(used);
        if done {
            self.answer(reply, desk);
        }
        Ok(done)
    }

    fn answer(&mut self, reply: Reply, desk: &mut Desk) {
        desk.answer(reply);
        let close = reply.persistence == Persistence::Close;
        self.stage = if close { Stage::Farewell } else { Stage::Head { scanned: 0 } };
    }

    /// Responde con la razón y se despide.
    fn refuse(&mut self, refusal: &Refusal, desk: &mut Desk) {
        let Refusal { status, reason } = *refusal;
        debug!(
            what = "refuse",
            client = self.conn.id().0,
            result = status.code,
            "respuesta {}: {reason}",
            status.code
        );
        let body = format!("Petición rechazada: {reason}.\n");
        let persistence = Persistence::Close;
        let response = Response { status, body: &body, with_body: true, persistence };
        desk.outbox.extend_from_slice(&response.encode(SystemTime::now()));
        self.stage = Stage::Farewell;
    }

    /// Si no hay ninguna petición a medias. Media línea vacía no lo es.
    fn is_between_requests(&self) -> bool {
        matches!(self.stage, Stage::Head { .. }) && matches!(self.conn.input(), [] | [b'\r'])
    }

    /// El plazo corre desde el primer byte de lo que se espera, y no se renueva con los
    /// siguientes: un byte cada nueve segundos no compra otros diez.
    fn renew_deadline(&mut self, desk: &Desk, advanced: bool) {
        let patience = match self.stage {
            Stage::Head { .. } if !self.is_between_requests() => desk.patience.head,
            // Líneas vacías y nada más: no es actividad.
            Stage::Head { .. } if !advanced => return,
            _ => desk.patience.idle,
        };
        self.deadline = desk.until(patience);
    }

    // ANCHOR: send
    /// Escribe lo que quepa y, si ya salió la última respuesta, cierra.
    fn send(&mut self, desk: &mut Desk) {
        let sent = self.conn.send(&desk.outbox);
        desk.outbox.clear();
        if let Err(error) = sent {
            self.closing = Some(CloseReason::Broken(error));
        } else if self.conn.wants_write() {
            // Ahora es el otro quien tiene que leer, haya enviado ya lo que haya enviado.
            self.deadline = desk.until(desk.patience.idle);
        } else if matches!(self.stage, Stage::Farewell) {
            self.say_goodbye(desk);
        }
    }
    // ANCHOR_END: send

    // ANCHOR: say_goodbye
    /// Cerrar de golpe con bytes sin leer provoca un reinicio de la conexión, que puede
    /// destruir la respuesta antes de que el otro la lea (RFC 9112 §9.6). Así que se cierra
    /// solo nuestro lado, y se sigue leyendo un rato.
    fn say_goodbye(&mut self, desk: &Desk) {
        self.conn.consume(usize::MAX);
        self.stage = Stage::Lingering;
        self.deadline = desk.until(LINGER);
        let (fd, client) = (self.conn.raw_fd(), self.conn.id().0);
        debug!(
            what = "shutdown",
            fd, client, "shutdown({fd}): adiós; lo que aún llegue se descarta"
        );
        if let Err(error) = self.conn.stream().shutdown(Shutdown::Write) {
            // El otro ya no está: no hay a quién decir adiós.
            self.closing = Some(CloseReason::Broken(error));
        }
    }
    // ANCHOR_END: say_goodbye
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    /// Un cliente de este lado, con su escritorio, y el otro lado. El socket es bloqueante: cada
    /// lectura espera a que llegue lo que se le envía.
    fn connected() -> (Client, Desk, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let browser = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let patience = Patience { head: Duration::from_secs(10), idle: Duration::from_secs(60) };
        let desk = Desk::new(patience);
        (Client::new(listener.accept().unwrap().0, ClientId(1), &desk), desk, browser)
    }

    fn scanned(client: &Client) -> Option<usize> {
        let Stage::Head { scanned } = client.stage else { return None };
        Some(scanned)
    }

    #[test]
    fn t4_09_de_una_cabecera_a_medias_se_recuerda_hasta_dónde_se_examinó() {
        let (mut client, mut desk, mut browser) = connected();
        for count in 1..=100 {
            browser.write_all(b"x").unwrap();
            client.on_readable(&mut desk);
            assert_eq!(scanned(&client), Some(count));
        }
        // Y desde ahí se sigue: un final más atrás ya no se ve.
        client.stage = Stage::Head { scanned: 1000 };
        browser.write_all(&[b"\n\n", &[b'x'; 1000][..]].concat()).unwrap();
        client.on_readable(&mut desk);
        assert_eq!(scanned(&client), Some(1102));
    }
}
