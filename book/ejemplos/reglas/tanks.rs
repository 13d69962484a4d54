//! Quien escribe más de lo que cabe: cuánto acepta cada `write`, y cuándo avisa el núcleo.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use ejemplos::connected;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde::Serialize;
use socket2::SockRef;

/// Lo que se pide para el búfer de Ana y para el de Beto; Linux reserva el doble. El de Beto es
/// pequeño: así el de Ana se vacía poco a poco.
const SENDING: usize = 192 * 1024;
const RECEIVED: usize = 16 * 1024;
/// Lo que Ana quiere decir: varias veces lo que cabe.
const MESSAGE: usize = 1024 * 1024;
/// Lo que lee Beto cada vez.
const SIP: usize = 8 * 1024;
/// Lo que se espera, como mucho, a que el núcleo mueva bytes, o deje de moverlos: cinco segundos.
const PATIENCE: u16 = 5000;
/// Lo que se espera entre dos miradas.
const GLANCE: Duration = Duration::from_millis(1);

#[derive(Serialize)]
pub(crate) struct Observed {
    message: usize,
    /// Lo que había en el búfer de salida de Ana y en el de entrada de Beto cuando no cabía más.
    full: Levels,
    /// Lo que hizo Ana, en orden, y lo que se vio cada vez que Beto leyó.
    story: Vec<Event>,
    /// La primera escritura que acepta algo sin esperar el aviso.
    without_notice: Without,
}

/// Los bytes de cada búfer.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
struct Levels {
    sending: usize,
    received: usize,
}

#[derive(Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
enum Event {
    /// Ana ofrece `asked` bytes; sin `accepted`, el núcleo dice «ahora no».
    Write { asked: usize, accepted: Option<usize> },
    /// Beto lee `got` bytes; después, esto hay en los búferes, y esto dice `poll` a Ana.
    Read { got: usize, levels: Levels, writable: bool },
}

#[derive(Serialize)]
struct Without {
    writable: bool,
    asked: usize,
    accepted: Option<usize>,
}

pub(crate) fn observe() -> io::Result<Observed> {
    let mut talk = Talk::new()?;
    let mut story = Vec::new();
    talk.write(&mut story)?;
    let (full, _) = talk.settled()?;
    while talk.left() > 0 {
        let got = talk.sip()?;
        let (levels, writable) = talk.settled()?;
        story.push(Event::Read { got, levels, writable });
        if writable {
            talk.write(&mut story)?;
        }
    }
    Ok(Observed { message: MESSAGE, full, story, without_notice: without_notice()? })
}

/// Con los búferes llenos, Beto lee poco a poco, y Ana prueba a escribir sin esperar el aviso.
fn without_notice() -> io::Result<Without> {
    let mut talk = Talk::new()?;
    talk.write(&mut Vec::new())?;
    loop {
        talk.sip()?;
        let (_, writable) = talk.settled()?;
        let accepted = talk.offer(SIP)?;
        if writable || accepted.is_some() {
            return Ok(Without { writable, asked: SIP, accepted });
        }
    }
}

/// Ana escribe, sin dormirse; Beto lee cuando se le dice.
struct Talk {
    ana: TcpStream,
    beto: TcpStream,
    accepted: usize,
    read: usize,
}

impl Talk {
    fn new() -> io::Result<Talk> {
        let (ana, beto) = connected()?;
        ana.set_nonblocking(true)?;
        SockRef::from(&ana).set_send_buffer_size(SENDING)?;
        SockRef::from(&beto).set_recv_buffer_size(RECEIVED)?;
        beto.set_nonblocking(true)?;
        Ok(Talk { ana, beto, accepted: 0, read: 0 })
    }

    /// Ofrece todo lo que queda hasta que no quede nada, o el núcleo diga «ahora no» con los
    /// búferes quietos: mientras el de Beto recoge, hay sitio otra vez.
    fn write(&mut self, story: &mut Vec<Event>) -> io::Result<()> {
        while self.left() > 0 {
            let (asked, accepted) = (self.left(), self.offer(self.left())?);
            story.push(Event::Write { asked, accepted });
            let (_, writable) = self.settled()?;
            if accepted.is_none() && !writable {
                break;
            }
        }
        Ok(())
    }

    /// Lo que el núcleo aún no ha aceptado.
    fn left(&self) -> usize {
        MESSAGE - self.accepted
    }

    /// Beto lee un poco; si todavía no le ha llegado nada, lo espera.
    fn sip(&mut self) -> io::Result<usize> {
        let mut watched = [PollFd::new(self.beto.as_fd(), PollFlags::POLLIN)];
        poll(&mut watched, PATIENCE)?;
        let got = self.beto.read(&mut [0; SIP])?;
        self.read += got;
        Ok(got)
    }

    fn offer(&mut self, count: usize) -> io::Result<Option<usize>> {
        match self.ana.write(&vec![b'a'; count]) {
            Ok(accepted) => {
                self.accepted += accepted;
                Ok(Some(accepted))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lo que diría `epoll` de Ana.
    fn is_writable(&self) -> io::Result<bool> {
        let mut watched = [PollFd::new(self.ana.as_fd(), PollFlags::POLLOUT)];
        Ok(poll(&mut watched, PollTimeout::ZERO)? == 1)
    }

    /// Los bytes de cada búfer y el aviso a Ana, cuando el núcleo deja de mover bytes: dos miradas
    /// iguales, con el aviso en medio.
    fn settled(&self) -> io::Result<(Levels, bool)> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(PATIENCE.into()) {
            let before = self.levels()?;
            thread::sleep(GLANCE);
            let writable = self.is_writable()?;
            if self.levels()? == before {
                return Ok((before, writable));
            }
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// Lo que Beto tiene sin leer, que se mira sin sacarlo (`MSG_PEEK`, recv(2)), y lo que aún no
    /// le ha llegado.
    fn levels(&self) -> io::Result<Levels> {
        let received = match self.beto.peek(&mut vec![0; MESSAGE]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            counted => counted?,
        };
        Ok(Levels { sending: self.accepted - self.read - received, received })
    }
}
