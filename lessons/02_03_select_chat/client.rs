//! El cliente: teclado y socket a la vez, sin hilos.

use std::io::{self, Stdin};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use multiplexacion::chat::{CLIENT, CloseReason, ERROR, NAME, printable};
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
use crate::sets::must_fit_in_a_set;
use crate::terminal::Screen;

/// Bytes por mostrar con los que ya no se lee más del servidor.
const UNSHOWN: usize = 64 * 1024;

/// Conecta con el servidor y conversa hasta Ctrl-C, Ctrl-D o el fin de la entrada.
pub(crate) fn chat(host: &str, port: u16, name: &str) -> Result<(), Trouble> {
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
        scratch: vec![0; 16 * 1024],
    };
    let outcome = client.run();
    // Termine como termine: la terminal, como estaba, y lo que llegó, a la vista.
    let shown = client.screen.leave().and_then(|()| client.screen.out.finish());
    outcome.and(shown.map_err(|error| unshown(&error)))
}

/// Por dónde va la conversación.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// El nombre está enviado; falta la respuesta. Aún no se escucha al teclado.
    Joining,
    /// En el chat.
    Chatting,
    /// El teclado se acabó: sale lo que quede en la cola, y después se cierra nuestro lado.
    Ending,
    /// Nuestro lado está cerrado; se lee lo que aún venga.
    HalfClosed,
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

struct ChatClient {
    conn: Connection,
    stop: Stop,
    keyboard: Stdin,
    screen: Screen,
    stage: Stage,
    name: String,
    scratch: Vec<u8>,
}

impl ChatClient {
    // ANCHOR: run
    /// El mismo bucle que el del servidor, con menos descriptores.
    fn run(&mut self) -> Result<(), Trouble> {
        self.say(&format!("{NAME}{}", self.name))?;
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
                self.conn.on_writable().map_err(|error| lost(&CloseReason::Broken(error)))?;
            }
            if ready.readable && self.on_readable()? {
                return Ok(());
            }
            if ready.keyboard {
                self.on_keyboard()?;
            }
        }
    }
    // ANCHOR_END: run

    /// El único punto en el que el programa espera: a la red, al teclado, a la pantalla y a
    /// las señales.
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
            if self.stage == Stage::Chatting && !self.conn.wants_write() {
                reading.insert(self.keyboard.as_fd());
            }
        }
        if self.conn.wants_write() {
            writing.insert(socket);
        }
        if self.screen.out.pending() > 0 {
            writing.insert(self.screen.out.as_fd());
        }
        let result = match select(None, &mut reading, &mut writing, None, None) {
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

    /// Llegó algo del servidor. Devuelve si la conversación terminó como debía.
    fn on_readable(&mut self) -> Result<bool, Trouble> {
        let received = receive(&mut self.conn, &mut self.scratch);
        for message in received.messages {
            self.on_message(&message)?;
        }
        match received.end {
            None => Ok(false),
            Some(CloseReason::Left) if self.stage == Stage::HalfClosed => Ok(true),
            Some(reason) => Err(lost(&reason)),
        }
    }

    fn on_message(&mut self, text: &str) -> Result<(), Trouble> {
        if self.stage != Stage::Joining {
            self.screen.show(&printable(text));
            return Ok(());
        }
        if let Some(address) = text.strip_prefix(CLIENT) {
            self.stage = Stage::Chatting;
            let address = printable(address);
            self.screen.start(format!("[{}@{address}]> ", self.name))?;
            return self.screen.signals().map_or(Ok(()), must_fit_in_a_set);
        }
        let Some(why) = text.strip_prefix(ERROR) else { return Err(not_a_chat()) };
        Err(Trouble::new(
            format!("el servidor no te deja entrar: {}", printable(why)),
            "elige otro nombre con --name, o vuelve más tarde",
        ))
    }

    /// Llegó algo del teclado, o su final.
    fn on_keyboard(&mut self) -> Result<(), Trouble> {
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
        if typed.ended {
            self.stage = Stage::Ending;
        }
        Ok(())
    }

    fn say(&mut self, text: &str) -> Result<(), Trouble> {
        send(&mut self.conn, text).map_err(|reason| lost(&reason))
    }

    /// Escribe lo que quepa. Sin nada más que decir, cierra solo nuestro lado: el servidor lo
    /// ve como un final, y lo que estuviera enviando todavía llega.
    fn flush(&mut self) -> Result<(), Trouble> {
        self.screen.out.flush().map_err(|error| unshown(&error))?;
        self.conn.flush().map_err(|error| lost(&CloseReason::Broken(error)))?;
        if self.stage == Stage::Ending && !self.conn.wants_write() {
            self.conn.stream().shutdown(Shutdown::Write)?;
            self.stage = Stage::HalfClosed;
        }
        Ok(())
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
