//! El cliente que vuelve, con `--reconectar`: qué hace mientras no hay conexión.
//!
//! Vuelve quien perdió la conexión sin que nadie se lo pidiera: el servidor murió, se detuvo, o la
//! red se cortó. No vuelve quien se fue, ni aquel a quien el servidor despidió con un `ERROR: …`,
//! salvo que en él le pida que vuelva.
//!
//! Lo que se escriba mientras tanto se guarda, y sale al volver. Lo que se dijo justo antes del corte
//! quizá no llegó, y no hay forma de saberlo: TCP dice que se envió, no que alguien lo leyera. Por
//! eso no se repite, que podría salir dos veces; se avisa.

use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use multiplexacion::backoff::Backoff;
use multiplexacion::chat::{COME_BACK, CloseReason};
use multiplexacion::cli::Trouble;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, LINGER};
use multiplexacion::frame::{HEADER, MAX_TEXT};
use multiplexacion::listener;
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};
use socket2::{Domain, Protocol, Socket, Type};

use crate::client::{ChatClient, End, Stage};
use crate::messages::LIMITS;
use crate::sets::{must_fit_in_a_set, timeout_until};

/// La primera espera no pasa de esto, y ninguna de lo otro.
const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(30);

/// Lo que se espera a que un servidor acepte la llamada y conteste al nombre.
const ANSWER: Duration = Duration::from_secs(15);

/// Cuánto se insiste si el servidor contesta que no. El nombre puede seguir reservado por el servidor
/// que murió con él, hasta que caduque; o ser ya de otra persona, y no se arreglará insistiendo.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes que se guardan de lo escrito sin conexión: los que caben de una vez en la cola de salida.
const UNSENT: usize = HEADER + MAX_TEXT;

/// Una ausencia: desde que se perdió la conexión hasta que lo dejan entrar otra vez.
struct Absence {
    waits: Backoff,
    /// Desde cuándo contestan que no.
    refused: Option<Instant>,
}

impl ChatClient {
    /// Conversa hasta que la persona se vaya. Si se pierde la conexión, vuelve.
    pub(crate) fn stay(&mut self) -> Result<(), Trouble> {
        let server = self.conn.stream().peer_addr()?;
        let mut absence = None;
        while let Err(end) = self.run() {
            let away = self.absent(end, absence.take())?;
            if !self.call_again(server, absence.insert(away))? {
                break;
            }
        }
        self.leave_unsent();
        Ok(())
    }

    /// Decide si se vuelve, y lo cuenta. `before` es la ausencia en la que ya estaba. Errores: la
    /// conversación acabó, y por qué.
    fn absent(&mut self, end: End, before: Option<Absence>) -> Result<Absence, Trouble> {
        match (end, before) {
            (End::Lost(CloseReason::BadFrame(error)), _) => {
                Err(End::Lost(CloseReason::BadFrame(error)).into())
            }
            (End::Lost(reason), _) if self.stage == Stage::Chatting && !self.was_dismissed() => {
                self.stage = Stage::Joining;
                self.screen.show(&format!(
                    "(Se perdió la conexión: {}. Lo último que dijiste quizá no llegó; lo que \
                     escribas ahora saldrá al volver.)",
                    why(&reason)
                ));
                Ok(Absence { waits: Backoff::new(FIRST, MOST), refused: None })
            }
            (End::Lost(_), Some(away)) if self.stage == Stage::Joining => Ok(away),
            (End::Refused(why), Some(mut away)) => {
                let since = *away.refused.get_or_insert_with(|| {
                    let notice = format!("(Aún no te dejan volver: {why}. Sigo intentándolo.)");
                    self.screen.show(&notice);
                    Instant::now()
                });
                if why.contains(COME_BACK) || since.elapsed() < PATIENCE {
                    Ok(away)
                } else {
                    Err(End::Refused(why).into())
                }
            }
            (end, _) => Err(end.into()),
        }
    }

    /// Si el servidor lo despidió: lo último que le dijo, justo antes de cerrar, fue un `ERROR: …` de
    /// los que no piden volver.
    fn was_dismissed(&self) -> bool {
        self.warned.is_some_and(|at| at.elapsed() < LINGER)
    }

    /// Espera lo que toque y llama otra vez, sin esperar a que descuelguen: de eso se entera el
    /// bucle. Devuelve si se llamó; si no, es que la persona se va.
    fn call_again(&mut self, server: SocketAddr, away: &mut Absence) -> Result<bool, Trouble> {
        loop {
            if !self.pass_the_time(Instant::now() + away.waits.next_wait())? {
                return Ok(false);
            }
            // Si ni siquiera se puede llamar (no hay red, por ejemplo), se espera otra vez.
            if let Ok(stream) = call(server) {
                must_fit_in_a_set(&stream)?;
                self.conn = Connection::new(stream, ClientId(0), &LIMITS);
                self.deadline = Some(Instant::now() + ANSWER);
                return Ok(true);
            }
        }
    }

    /// Atiende al teclado, a las señales y a la pantalla hasta ese momento. Devuelve si llegó; si no,
    /// es que la persona se va.
    fn pass_the_time(&mut self, until: Instant) -> Result<bool, Trouble> {
        while Instant::now() < until {
            self.show_what_fits()?;
            let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
            reading.insert(self.stop.as_fd());
            let signals = self.screen.signals();
            if let Some(signals) = signals {
                reading.insert(signals);
                reading.insert(self.keyboard.as_fd());
            }
            if self.screen.out.pending() > 0 {
                writing.insert(self.screen.out.as_fd());
            }
            match select(None, &mut reading, &mut writing, None, &mut timeout_until(Some(until))) {
                Ok(_) => {}
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(std::io::Error::from(error).into()),
            }
            if reading.contains(self.stop.as_fd()) {
                return Ok(false);
            }
            let signalled = signals.is_some_and(|signals| reading.contains(signals));
            let typed = signals.is_some() && reading.contains(self.keyboard.as_fd());
            if signalled {
                self.screen.on_signals()?;
            }
            if typed && self.on_keyboard()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Lo dejaron entrar otra vez: lo dice, y sale lo guardado.
    pub(crate) fn back(&mut self) -> Result<(), End> {
        self.screen.show("(Has vuelto al chat.)");
        mem::take(&mut self.unsent).iter().try_for_each(|text| self.send(text))
    }

    /// Guarda lo que se escribió sin conexión, si cabe; si no, lo dice.
    pub(crate) fn keep(&mut self, text: &str) {
        let kept: usize = self.unsent.iter().map(|text| HEADER + text.len()).sum();
        if kept + HEADER + text.len() <= UNSENT {
            self.unsent.push(text.to_owned());
        } else {
            self.screen.show("(No se enviará: sin conexión no cabe más por decir.)");
        }
    }

    /// Se va sin haber vuelto: dice lo que se queda sin enviar.
    fn leave_unsent(&mut self) {
        let count = self.unsent.len();
        if count > 0 {
            let lines = if count == 1 { "línea" } else { "líneas" };
            self.screen.show(&format!("(Sin enviar: {count} {lines}.)"));
        }
    }
}

/// Llama sin bloquear: `connect(2)` vuelve enseguida con EINPROGRESS, y el socket se podrá escribir
/// cuando descuelguen, o fallará. Mientras tanto, escribir es «ahora no».
fn call(server: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::EINPROGRESS as i32) => return Err(error),
        _ => {}
    }
    let stream = TcpStream::from(socket);
    listener::prepare(&stream)?;
    listener::give_up_on_the_lost(&stream)?;
    Ok(stream)
}

fn why(reason: &CloseReason) -> String {
    match reason {
        CloseReason::Left | CloseReason::CutShort => "el servidor cerró".to_owned(),
        other => other.to_string(),
    }
}
