//! El cliente: teclado y socket a la vez, sin hilos.

use std::io::{self, Stdin};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;
use std::time::Instant;

use multiplexacion::chat::{CLIENT, COME_BACK, CloseReason, ERROR, NAME, printable};
use multiplexacion::cli::Trouble;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::Connection;
use multiplexacion::errors::reason;
use multiplexacion::frame::MAX_TEXT;
use multiplexacion::listener;
use multiplexacion::steps::Step;
use multiplexacion::stop::Stop;
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};

use crate::keyboard;
use crate::messages::{LIMITS, receive, send};
use crate::sets::{must_fit_in_a_set, timeout_until};
use crate::terminal::Screen;

/// Bytes por mostrar con los que ya no se lee más del servidor.
const UNSHOWN: usize = 64 * 1024;

/// Conecta con el servidor y conversa hasta Ctrl-C, Ctrl-D o el fin de la entrada. Con `returns`,
/// si se pierde la conexión, vuelve a entrar.
pub(crate) fn chat(host: &str, port: u16, name: &str, returns: bool) -> Result<(), Trouble> {
    let connected = TcpStream::connect((host, port)).and_then(|stream| {
        listener::prepare(&stream)?;
        listener::give_up_on_the_lost(&stream)?;
        Ok(stream)
    });
    let stream = connected.map_err(|error| Trouble::connecting(host, port, &error))?;
    // Después de conectar: hasta entonces, Ctrl-C interrumpe la espera a la antigua.
    let stop = Stop::on_signals()?;
    must_fit_in_a_set(&stop)?;
    let mut client = ChatClient {
        conn: Connection::new(stream, ClientId(0), &LIMITS),
        stop,
        keyboard: io::stdin(),
        screen: Screen::new(),
        stage: Stage::Joining,
        name: name.to_owned(),
        unsent: Vec::new(),
        warned: None,
        deadline: None,
        scratch: vec![0; 16 * 1024],
    };
    let outcome = if returns { client.stay() } else { client.run().map_err(Trouble::from) };
    // Termine como termine: la terminal, como estaba, y lo que llegó, a la vista.
    let shown = client.screen.leave().and_then(|()| client.screen.out.finish());
    outcome.and(shown.map_err(|error| unshown(&error)))
}

/// Por dónde va la conversación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// El nombre está enviado, o por enviar; falta la respuesta. Aún no se escucha al teclado, salvo
    /// que delante haya una persona a la que ya se dejó entrar.
    Joining,
    /// En el chat.
    Chatting,
    /// El teclado se acabó: sale lo que quede en la cola, y después se cierra nuestro lado.
    Ending,
    /// Nuestro lado está cerrado; se lee lo que aún venga.
    HalfClosed,
}

/// Por qué acaba una conversación que no acabó como debía.
pub(crate) enum End {
    /// Se perdió la conexión.
    Lost(CloseReason),
    /// El servidor no lo deja entrar, y por qué.
    Refused(String),
    /// Otra cosa: el teclado, la pantalla.
    Other(Trouble),
}

/// Lo que `select` encontró listo.
#[derive(Default)]
struct Ready {
    stop: bool,
    keyboard: bool,
    signals: bool,
    readable: bool,
    writable: bool,
}

pub(crate) struct ChatClient {
    pub(crate) conn: Connection,
    pub(crate) stop: Stop,
    pub(crate) keyboard: Stdin,
    pub(crate) screen: Screen,
    pub(crate) stage: Stage,
    name: String,
    /// Lo que se escribió mientras no había conexión; sale al volver.
    pub(crate) unsent: Vec<String>,
    /// Cuándo llegó un `ERROR: …` que no pide volver, si es lo último que llegó.
    pub(crate) warned: Option<Instant>,
    /// Hasta cuándo se espera a que lo dejen entrar; la primera vez, sin límite.
    pub(crate) deadline: Option<Instant>,
    scratch: Vec<u8>,
}

impl ChatClient {
    // ANCHOR: run
    /// El mismo bucle que el del servidor, con menos descriptores.
    pub(crate) fn run(&mut self) -> Result<(), End> {
        self.send(&format!("{NAME}{}", self.name))?;
        loop {
            self.flush()?;
            let ready = self.wait()?;
            if ready.stop {
                return Ok(());
            }
            if ready.signals {
                self.screen.on_signals()?;
            }
            if ready.writable {
                self.conn.on_writable().map_err(End::broken)?;
            }
            if ready.readable && self.on_readable()? {
                return Ok(());
            }
            if ready.keyboard && self.on_keyboard()? {
                return Ok(());
            }
            self.must_be_on_time()?;
        }
    }
    // ANCHOR_END: run

    /// El único punto en el que se espera mientras hay conexión: a la red, al teclado, a la
    /// pantalla y a las señales.
    fn wait(&self) -> io::Result<Ready> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        let socket = self.conn.stream().as_fd();
        let signals = self.screen.signals();
        reading.insert(self.stop.as_fd());
        if let Some(signals) = signals {
            reading.insert(signals);
        }
        // Si la pantalla no da abasto, no se lee más: el búfer del núcleo se llena, y TCP le
        // hace llegar al servidor que aquí se lee despacio.
        if self.screen.out.pending() < UNSHOWN {
            reading.insert(socket);
            // Con la cola sin vaciar no se lee más del teclado: si es un archivo enorme, se
            // envía al ritmo de la red en vez de guardarlo entero.
            if self.may_type() {
                reading.insert(self.keyboard.as_fd());
            }
        }
        if self.conn.wants_write() {
            writing.insert(socket);
        }
        if self.screen.out.pending() > 0 {
            writing.insert(self.screen.out.as_fd());
        }
        let mut timeout = timeout_until(self.deadline);
        let result = match select(None, &mut reading, &mut writing, None, &mut timeout) {
            Ok(count) => usize::try_from(count).unwrap_or_default(),
            Err(Errno::EINTR) => return Ok(Ready::default()), // Una señal con función propia.
            Err(error) => return Err(error.into()),
        };
        Step::Wake { call: "select", result }.tell();
        Ok(Ready {
            stop: reading.contains(self.stop.as_fd()),
            keyboard: reading.contains(self.keyboard.as_fd()),
            signals: signals.is_some_and(|signals| reading.contains(signals)),
            readable: reading.contains(socket),
            writable: writing.contains(socket),
        })
    }

    /// Si se escucha al teclado. A quien ya estuvo dentro y espera a volver se le deja escribir: su
    /// terminal la dibujamos nosotros. Un archivo o una tubería esperan.
    fn may_type(&self) -> bool {
        match self.stage {
            Stage::Chatting => !self.conn.wants_write(),
            Stage::Joining => self.screen.signals().is_some(),
            Stage::Ending | Stage::HalfClosed => false,
        }
    }

    fn must_be_on_time(&self) -> Result<(), End> {
        match self.deadline {
            Some(deadline) if deadline <= Instant::now() => {
                Err(End::broken(Errno::ETIMEDOUT.into()))
            }
            _ => Ok(()),
        }
    }

    /// Llegó algo del servidor. Devuelve si la conversación terminó como debía.
    fn on_readable(&mut self) -> Result<bool, End> {
        let received = receive(&mut self.conn, &mut self.scratch);
        for message in received.messages {
            self.on_message(&message)?;
        }
        match received.end {
            None => Ok(false),
            Some(CloseReason::Left) if self.stage == Stage::HalfClosed => Ok(true),
            Some(reason) => Err(End::Lost(reason)),
        }
    }

    fn on_message(&mut self, text: &str) -> Result<(), End> {
        if self.stage != Stage::Joining {
            let dismissal = text.starts_with(ERROR) && !text.contains(COME_BACK);
            self.warned = dismissal.then(Instant::now);
            self.screen.show(&printable(text));
            return Ok(());
        }
        if let Some(address) = text.strip_prefix(CLIENT) {
            return self.on_welcome(&printable(address));
        }
        let Some(why) = text.strip_prefix(ERROR) else { return Err(not_a_chat().into()) };
        Err(End::Refused(printable(why).into_owned()))
    }

    fn on_welcome(&mut self, address: &str) -> Result<(), End> {
        self.stage = Stage::Chatting;
        self.screen.start(format!("[{}@{address}]> ", self.name))?;
        self.screen.signals().map_or(Ok(()), must_fit_in_a_set)?;
        if self.deadline.take().is_some() {
            self.back()?;
        }
        Ok(())
    }

    /// Llegó algo del teclado, o su final. Devuelve si la persona se va sin más.
    pub(crate) fn on_keyboard(&mut self) -> Result<bool, End> {
        let read = keyboard::read(&self.keyboard, &mut self.scratch);
        let typed = self.screen.typed(read.map_err(|error| unreadable(&error))?);
        for line in typed.lines.iter().filter(|line| !line.is_empty()) {
            if line.len() <= MAX_TEXT {
                self.say(line)?;
            } else {
                let most = format!("(No se envió: un mensaje lleva como mucho {MAX_TEXT} bytes.)");
                self.screen.show(&most);
            }
        }
        let leaves = typed.ended && self.stage == Stage::Joining;
        if typed.ended && !leaves {
            self.stage = Stage::Ending;
        }
        Ok(leaves)
    }

    /// Lo dice, si está en el chat; si no, lo guarda para cuando vuelva.
    fn say(&mut self, text: &str) -> Result<(), End> {
        if self.stage == Stage::Joining {
            self.keep(text);
            return Ok(());
        }
        self.send(text)
    }

    pub(crate) fn send(&mut self, text: &str) -> Result<(), End> {
        send(&mut self.conn, text).map_err(End::Lost)
    }

    /// Escribe lo que quepa. Sin nada más que decir, cierra solo nuestro lado: el servidor lo
    /// ve como un final, y lo que estuviera enviando todavía llega.
    fn flush(&mut self) -> Result<(), End> {
        self.show_what_fits()?;
        self.conn.flush().map_err(End::broken)?;
        if self.stage == Stage::Ending && !self.conn.wants_write() {
            self.conn.stream().shutdown(Shutdown::Write)?;
            self.stage = Stage::HalfClosed;
        }
        Ok(())
    }

    pub(crate) fn show_what_fits(&mut self) -> Result<(), Trouble> {
        self.screen.out.flush().map_err(|error| unshown(&error))
    }
}

impl End {
    pub(crate) fn broken(error: io::Error) -> End {
        End::Lost(CloseReason::Broken(error))
    }
}

impl From<Trouble> for End {
    fn from(trouble: Trouble) -> End {
        End::Other(trouble)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> End {
        End::Other(error.into())
    }
}

impl From<End> for Trouble {
    fn from(end: End) -> Trouble {
        match end {
            End::Lost(reason) => lost(&reason),
            End::Refused(why) => Trouble::new(
                format!("el servidor no te deja entrar: {why}"),
                "elige otro nombre con --name, o vuelve más tarde",
            ),
            End::Other(trouble) => trouble,
        }
    }
}

fn unreadable(error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede leer la entrada estándar: {}", reason(error)),
        "escribe desde una terminal, o pásale un archivo o una tubería",
    )
}

fn unshown(error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede mostrar lo que llega: {}", reason(error)),
        "comprueba adónde va la salida estándar",
    )
}

fn not_a_chat() -> Trouble {
    Trouble::new("lo que escucha ahí no habla como este chat", "revisa --host y --port")
}

fn lost(reason: &CloseReason) -> Trouble {
    let what = match reason {
        CloseReason::BadFrame(_) => return not_a_chat(),
        CloseReason::Left => "el servidor cerró la conversación".to_owned(),
        other => format!("se perdió la conexión con el servidor: {other}"),
    };
    Trouble::new(what, "vuelve a entrar cuando el servidor esté en marcha")
}
