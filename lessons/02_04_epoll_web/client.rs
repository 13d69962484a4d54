//! La conversación con un navegador: qué se hace con los bytes que llegan y qué se
//! responde.
//!
//! Aquí no hay `epoll`. Cada método avanza hasta donde puede sin esperar y vuelve; quién
//! espera, y por qué, es asunto de [`event_loop`](crate::event_loop).

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, LINGER, Limits, Overflow, Phase};
use multiplexacion::errors;
use multiplexacion::http::{self, Body, Method, Persistence, Refusal, Response, Status};
use multiplexacion::steps::{Shown, Step};

/// La línea fija de la lección: 25 caracteres que son 26 bytes, porque «¡» ocupa dos.
pub(crate) const LINE: &str = "¡Hola desde EpollServer!\n";

/// De entrada cabe la cabecera más larga; de salida, las respuestas a cuantas peticiones
/// quepan en ella: mientras quede algo por escribir, no se lee más.
static LIMITS: Limits = Limits { input: http::MAX_HEAD, output: 128 * 1024 };

/// Lecturas en las que cabe el cuerpo más largo.
const MAX_READS: u64 = http::MAX_BODY / http::MAX_HEAD as u64;

/// Cuánto se espera a un cliente.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// Para una cabecera, desde su primer byte.
    pub(crate) head: Duration,
    /// Sin actividad, o para un cuerpo entero.
    pub(crate) idle: Duration,
}

/// Lo que el bucle presta a cada cliente mientras lo atiende.
pub(crate) struct Context {
    /// La hora a la que despertó el bucle: basta una por vuelta.
    pub(crate) now: Instant,
    /// Cuándo termina el servidor, si ya se le pidió: ningún plazo llega más allá.
    pub(crate) closing_time: Option<Instant>,
    patience: Patience,
    /// Donde se lee. Es uno para todos: una conexión ociosa no guarda ningún búfer.
    scratch: Box<[u8]>,
    /// La respuesta de la lección, ya codificada: solo cambia su fecha, una vez por
    /// segundo.
    answer: Vec<u8>,
    answer_expires: Instant,
}

impl Context {
    pub(crate) fn new(patience: Patience) -> Context {
        let now = Instant::now();
        let scratch = vec![0; http::MAX_HEAD].into_boxed_slice();
        let (closing_time, answer, answer_expires) = (None, Vec::new(), now);
        Context { now, closing_time, patience, scratch, answer, answer_expires }
    }

    /// Hasta cuándo se espera algo para lo que se da tanta paciencia.
    fn until(&self, patience: Duration) -> Instant {
        let when = self.now + patience;
        self.closing_time.map_or(when, |limit| when.min(limit))
    }

    /// La respuesta a una petición corriente.
    fn answer(&mut self) -> &[u8] {
        if self.now >= self.answer_expires {
            let clock = SystemTime::now();
            self.answer = Reply::OK.encode(clock);
            let since = clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            let left = 1_000_000_000 - since.subsec_nanos();
            self.answer_expires = self.now + Duration::from_nanos(left.into());
        }
        &self.answer
    }
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

/// Qué se espera de la conversación.
#[derive(Debug)]
enum Stage {
    /// Una cabecera, de la que ya se examinaron `scanned` bytes.
    Head { scanned: usize },
    /// El cuerpo de una petición, que se descarta; después se enviará la respuesta.
    Body { body: Body, reply: Reply },
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

// ANCHOR: client
/// Todo lo que se sabe de un cliente, junto, para que desaparezca junto.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) conn: Connection,
    stage: Stage,
    /// Hasta cuándo se le espera.
    pub(crate) deadline: Instant,
    /// Por qué hay que cerrarlo. Lo anota quien lo descubre; lo cumple `reap`.
    pub(crate) closing: Option<CloseReason>,
}
// ANCHOR_END: client

impl Client {
    pub(crate) fn new(stream: TcpStream, id: ClientId, context: &Context) -> Client {
        let deadline = context.until(context.patience.idle);
        let conn = Connection::new(stream, id, &LIMITS);
        Client { conn, stage: Stage::Head { scanned: 0 }, deadline, closing: None }
    }

    // ANCHOR: readable
    /// Han llegado bytes, o el final.
    pub(crate) fn on_readable(&mut self, context: &mut Context) {
        let waiting = self.is_between_requests();
        match self.conn.fill(&mut context.scratch) {
            Ok(Fill::Bytes(_)) => {
                let advanced = self.advance(context);
                if waiting || advanced {
                    self.renew_deadline(context, advanced);
                }
            }
            // Cero bytes es el final, y hay que mirarlo: quien no cierra aquí recibe
            // EPOLLIN otra vez, para siempre.
            Ok(Fill::End) => self.close_later(CloseReason::Left),
            Ok(Fill::Empty) => {}
            Err(error) => self.close_later(CloseReason::Broken(error)),
        }
    }
    // ANCHOR_END: readable

    /// Vuelve a haber sitio para lo que quedó por escribir.
    pub(crate) fn on_writable(&mut self, context: &mut Context) {
        let queued = self.conn.pending();
        match self.conn.on_writable() {
            Err(error) => self.close_later(CloseReason::Broken(error)),
            Ok(()) if self.conn.pending() == queued => {}
            Ok(()) if self.conn.wants_write() => {
                self.deadline = context.until(context.patience.idle);
            }
            // Ya recogió lo suyo: se espera otra vez lo que esté a medias, o lo
            // siguiente.
            Ok(()) => self.renew_deadline(context, true),
        }
    }

    /// Suena su alarma. Puede ser temprana, si después se le dio más plazo; o tardía, si
    /// el programa estuvo detenido: lo que llegó mientras tanto llegó a tiempo, y se
    /// atiende.
    pub(crate) fn on_alarm(&mut self, context: &mut Context) {
        if self.deadline <= context.now {
            self.catch_up(context);
        }
        if self.deadline > context.now || self.closing.is_some() {
            return;
        }
        Step::Timeout { fd: self.conn.raw_fd(), client: self.conn.id() }.tell();
        if self.conn.wants_write() {
            self.close_later(CloseReason::NotReading);
        } else if self.conn.phase() != Phase::Open {
            self.close_later(CloseReason::Served);
        } else if self.is_between_requests() {
            self.close_later(CloseReason::Idle);
        } else {
            self.refuse(&Refusal::TIMEOUT);
        }
    }

    /// El servidor termina: lo que ya había llegado se atiende, y quien tenga algo a
    /// medias se despide en orden; los demás no esperan nada.
    pub(crate) fn on_stop(&mut self, context: &mut Context) {
        let came = self.conn.phase() == Phase::Open && self.catch_up(context);
        // Cerrar con algo sin leer reiniciaría la conexión, con lo que el núcleo aún no
        // entregó.
        if came || self.conn.wants_write() || !self.is_between_requests() {
            self.conn.leave(&[]);
        } else if self.conn.phase() == Phase::Open {
            self.close_later(CloseReason::Stopping);
        }
        self.deadline = context.until(self.deadline.saturating_duration_since(context.now));
    }

    /// Lee y escribe cuanto se pueda sin esperar: lo que guarda el núcleo ya había
    /// llegado. Devuelve si leyó algo.
    fn catch_up(&mut self, context: &mut Context) -> bool {
        self.on_writable(context);
        let mut reads = 0;
        while reads <= MAX_READS && !self.conn.wants_write() && self.closing.is_none() {
            let before = self.conn.phase();
            self.on_readable(context);
            self.settle(before, context);
            if !self.conn.may_have_more() {
                break;
            }
            reads += 1;
        }
        reads > 0
    }

    /// Detrás de cualquier movimiento: escribe lo que quepa de la cola y, si era lo
    /// último, sigue el adiós, que iba por `before`.
    pub(crate) fn settle(&mut self, before: Phase, context: &Context) {
        let queued = self.conn.pending();
        if let Err(error) = self.conn.flush() {
            self.close_later(CloseReason::Broken(error));
        } else if self.conn.wants_write() && self.conn.pending() < queued {
            // Ahora es el otro quien tiene que leer, haya enviado ya lo que haya enviado.
            self.deadline = context.until(context.patience.idle);
        } else if self.conn.phase() == Phase::Over {
            self.close_later(CloseReason::Served);
        } else if self.conn.phase() != before {
            self.deadline = context.until(LINGER);
        }
    }

    pub(crate) fn tell_closed(&self) {
        let (fd, client) = (self.conn.raw_fd(), self.conn.id());
        let reason = self.closing.as_ref().unwrap_or(&CloseReason::Left);
        Step::Close { fd, client, result: Shown(reason) }.tell();
    }

    /// Anota por qué hay que cerrarlo. La primera razón es la que cuenta.
    pub(crate) fn close_later(&mut self, reason: CloseReason) {
        self.closing.get_or_insert(reason);
    }

    /// Atiende cuantas peticiones enteras haya en la entrada: pueden llegar varias en una
    /// lectura (RFC 9112 §9.3.2). Devuelve si acabó de leer alguna cabecera o algún
    /// cuerpo.
    fn advance(&mut self, context: &mut Context) -> bool {
        let mut advanced = false;
        while self.conn.phase() == Phase::Open {
            let progress = match &mut self.stage {
                Stage::Head { .. } => self.read_head(context),
                Stage::Body { .. } => self.skip_body(context),
            };
            match progress {
                Ok(true) => advanced = true,
                Ok(false) => break,
                Err(refusal) => self.refuse(&refusal),
            }
        }
        advanced
    }

    /// Busca una cabecera entera. Devuelve si la encontró.
    fn read_head(&mut self, context: &mut Context) -> Result<bool, Refusal> {
        let Stage::Head { scanned } = &mut self.stage else { return Ok(false) };
        let blank = http::leading_blank(self.conn.input());
        if blank > 0 {
            self.conn.consume(blank);
            *scanned = 0;
        }
        let input = self.conn.input();
        let Some(request) = http::parse_head(input, *scanned)? else {
            *scanned = input.len();
            return Ok(false);
        };
        self.conn.consume(request.head_length);
        let mut reply = Reply { method: request.method, persistence: request.persistence };
        if request.body.is_done() {
            // Si pidió que se cerrara, era la última (RFC 9112 §9.6). Tras un cuerpo no
            // se da por hecho: hay quien envía un fin de línea de más (§2.2).
            if reply.persistence == Persistence::Close {
                self.conn.expect_no_more();
            }
            self.answer(reply, context);
        } else if request.expects_continue {
            // Quien pregunta antes de enviar el cuerpo ya tiene su respuesta; si lo
            // enviará o no, no se sabe: por eso se cierra (RFC 9110 §10.1.1).
            reply.persistence = Persistence::Close;
            self.answer(reply, context);
        } else {
            self.stage = Stage::Body { body: request.body, reply };
        }
        Ok(true)
    }

    /// Descarta lo que haya llegado del cuerpo y, cuando no falta nada, responde.
    /// Devuelve si acabó.
    fn skip_body(&mut self, context: &mut Context) -> Result<bool, Refusal> {
        let Stage::Body { body, reply } = &mut self.stage else { return Ok(false) };
        let reply = *reply;
        let used = body.skip(self.conn.input())?;
        let done = body.is_done();
        self.conn.consume(used);
        if done {
            self.answer(reply, context);
        }
        Ok(done)
    }

    // ANCHOR: answer
    /// Encola la respuesta. Si es la última, empieza el adiós.
    fn answer(&mut self, reply: Reply, context: &mut Context) {
        self.stage = Stage::Head { scanned: 0 };
        let queued = if reply == Reply::OK {
            self.conn.queue(context.answer())
        } else {
            self.conn.queue(&reply.encode(SystemTime::now()))
        };
        // No puede desbordarse: mientras quede algo por escribir no se lee más, y las
        // respuestas a cuantas peticiones quepan en la entrada caben en la cola.
        if queued == Err(Overflow) {
            self.close_later(CloseReason::NotReading);
        }
        if reply.persistence == Persistence::Close {
            self.conn.leave(&[]);
        }
    }
    // ANCHOR_END: answer

    /// Responde con la razón y se despide.
    fn refuse(&mut self, refusal: &Refusal) {
        let Refusal { status, reason } = *refusal;
        Step::Refuse { client: self.conn.id(), result: status.code, reason }.tell();
        let to_head = match &self.stage {
            Stage::Head { .. } => self.conn.input().starts_with(b"HEAD "),
            Stage::Body { reply, .. } => reply.method == Method::Head,
        };
        self.conn.leave(&refusal.encode(to_head, SystemTime::now()));
    }

    /// Si no hay ninguna petición a medias. Media línea vacía no lo es.
    fn is_between_requests(&self) -> bool {
        matches!(self.stage, Stage::Head { .. }) && matches!(self.conn.input(), [] | [b'\r'])
    }

    /// El plazo corre desde el primer byte de lo que se espera, y no se renueva con los
    /// siguientes: un byte cada nueve segundos no compra otros diez.
    fn renew_deadline(&mut self, context: &Context, advanced: bool) {
        let patience = match self.stage {
            Stage::Head { .. } if !self.is_between_requests() => context.patience.head,
            // Líneas vacías y nada más: no es actividad.
            Stage::Head { .. } if !advanced => return,
            _ => context.patience.idle,
        };
        self.deadline = context.until(patience);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    /// Un cliente de este lado, con lo que le presta el bucle, y el otro lado. El socket
    /// es bloqueante: cada lectura espera a que llegue lo que se le envía.
    fn connected() -> (Client, Context, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let browser = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let patience = Patience { head: Duration::from_secs(10), idle: Duration::from_secs(60) };
        let context = Context::new(patience);
        (Client::new(listener.accept().unwrap().0, ClientId(1), &context), context, browser)
    }

    #[test]
    fn t4_09_de_una_cabecera_a_medias_se_recuerda_hasta_dónde_se_examinó() {
        let (mut client, mut context, mut browser) = connected();
        for count in 1..=100 {
            browser.write_all(b"x").unwrap();
            client.on_readable(&mut context);
            assert!(matches!(client.stage, Stage::Head { scanned } if scanned == count));
        }
    }

    /// Lo que hace el bucle cada vez que toca a un cliente.
    fn touch(client: &mut Client, context: &mut Context, act: fn(&mut Client, &mut Context)) {
        let before = client.conn.phase();
        act(client, context);
        client.settle(before, context);
    }

    /// Quien no lee, con los búferes llenos y algo más en la cola.
    fn fill_buffers(client: &mut Client) {
        client.conn.stream().set_nonblocking(true).unwrap();
        while !client.conn.wants_write() {
            client.conn.queue(&[b'x'; 16 * 1024]).unwrap();
            client.conn.flush().unwrap();
        }
    }

    /// El otro lee hasta que la cola se vacía.
    fn drain(client: &mut Client, context: &mut Context, browser: &mut TcpStream) {
        while client.conn.wants_write() {
            assert!(browser.read(&mut [0; 16 * 1024]).unwrap() > 0);
            touch(client, context, Client::on_writable);
        }
    }

    #[test]
    fn aunque_lo_último_saliera_tarde_después_solo_se_espera_a_que_cierre() {
        let (mut client, mut context, mut browser) = connected();
        fill_buffers(&mut client);
        client.conn.leave(&[]);
        drain(&mut client, &mut context, &mut browser);
        assert_eq!(client.conn.phase(), Phase::Lingering);
        assert_eq!(client.deadline, context.now + LINGER);
    }

    #[test]
    fn una_alarma_temprana_no_da_más_plazo_a_quien_no_lee() {
        let (mut client, mut context, _browser) = connected();
        fill_buffers(&mut client);
        touch(&mut client, &mut context, Client::on_writable);
        let deadline = client.deadline;
        context.now += context.patience.idle / 2;
        touch(&mut client, &mut context, Client::on_alarm);
        assert_eq!(client.deadline, deadline);
        assert!(client.closing.is_none());
    }

    #[test]
    fn quien_recoge_lo_suyo_y_dejó_una_cabecera_a_medias_tiene_el_plazo_de_la_cabecera() {
        let (mut client, mut context, mut browser) = connected();
        browser.write_all(b"GET / HT").unwrap();
        client.on_readable(&mut context);
        fill_buffers(&mut client);
        // Mientras no lee, el plazo es otro; el de la cabecera empieza cuando ya recogió
        // lo suyo.
        context.now += context.patience.idle / 2;
        drain(&mut client, &mut context, &mut browser);
        assert_eq!(client.deadline, context.now + context.patience.head);
    }
}
