//! La sala: todos los clientes de un chat, en un solo hilo que habla por unos y escucha por todos.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use multiplexacion::frame;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::SockRef;

const WINDOW: usize = 8;

/// Los que hablan, como mucho.
pub(super) const SPEAKERS: usize = 8;

/// Cómo se habla con quien reparte los mensajes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Chat,
    Redis,
}

/// Bytes de lo que llega a cada uno, sin su cabecera.
const TEXT: usize = 64;

/// Cuánto se espera a que llegue algo.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Room {
    epoll: Epoll,
    streams: Vec<TcpStream>,
    speakers: usize,
    message: Vec<u8>,
    /// Bytes que recibe cada uno por cada mensaje.
    delivery: usize,
    /// Si lo que reciben los que hablan son entregas.
    speakers_listen: bool,
    buffer: Vec<u8>,
}

impl Room {
    /// Entran todos, repartidos por turnos entre esas direcciones.
    pub(super) fn enter(
        protocol: Protocol,
        addresses: &[SocketAddr],
        clients: usize,
        speakers: usize,
    ) -> io::Result<Room> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut streams = Vec::with_capacity(clients);
        for number in 0..clients {
            let mut stream = connect(addresses[number % addresses.len()])?;
            match protocol {
                Protocol::Chat => introduce(&mut stream, &name(number))?,
                Protocol::Redis if number >= speakers => subscribe(&mut stream)?,
                Protocol::Redis => {}
            }
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            streams.push(stream);
        }
        let text = "x".repeat(TEXT);
        let (message, delivery) = match protocol {
            Protocol::Chat => {
                // `#[a@127.0.0.1]>> ` y el texto: en total, TEXT bytes.
                let decoration = "#[a@127.0.0.1]>> ".len();
                (framed(&text[decoration..])?, 4 + TEXT)
            }
            Protocol::Redis => (
                format!("*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n${TEXT}\r\n{text}\r\n").into_bytes(),
                format!("*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n${TEXT}\r\n{text}\r\n").len(),
            ),
        };
        let mut room = Room {
            epoll,
            streams,
            speakers,
            message,
            delivery,
            speakers_listen: protocol == Protocol::Chat,
            buffer: vec![0; 64 * 1024],
        };
        room.settle()?;
        Ok(room)
    }

    /// Recoge los avisos de quién entra hasta que no llega ninguno más.
    fn settle(&mut self) -> io::Result<()> {
        while self.collect(Duration::from_millis(100))? > 0 {}
        Ok(())
    }

    /// Dicen `messages` mensajes, sin pasar de la ventana, y esperan a que lleguen todos.
    pub(super) fn talk(&mut self, messages: usize, listeners: usize) -> io::Result<()> {
        let per_message = self.delivery * listeners;
        let (mut sent, mut received) = (0, 0);
        let window = self.speakers * WINDOW;
        while received < messages * per_message {
            while sent < messages && sent - received / per_message < window {
                let speaker = sent % self.speakers;
                self.streams[speaker].write_all(&self.message)?;
                sent += 1;
            }
            match self.collect(PATIENCE)? {
                0 => return Err(io::ErrorKind::TimedOut.into()),
                bytes => received += bytes,
            }
        }
        Ok(())
    }

    /// Una espera, y los bytes de entregas que trajo. Los de las respuestas a quien publica
    /// cuentan como una espera con éxito, pero no como entregas.
    fn collect(&mut self, limit: Duration) -> io::Result<usize> {
        let deadline = Instant::now() + limit;
        let mut events = [EpollEvent::empty(); 256];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX);
            let ready = match self.epoll.wait(&mut events, left) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let mut bytes = 0;
            for event in &events[..ready] {
                let number = usize::try_from(event.data()).unwrap_or(usize::MAX);
                match self.streams[number].read(&mut self.buffer) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(count) if number >= self.speakers || self.speakers_listen => bytes += count,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
                    Ok(_) | Err(_) => {}
                }
            }
            if bytes > 0 || ready == 0 {
                return Ok(bytes);
            }
        }
    }
}

/// Los microsegundos que tarda un mensaje de uno a otro, que entran por esas direcciones, cuando no hay
/// nadie más. La mediana de tantos.
pub(super) fn hop(from: SocketAddr, to: SocketAddr, times: usize) -> io::Result<f64> {
    let (mut ana, mut beto) = (connect(from)?, connect(to)?);
    introduce(&mut ana, "ana")?;
    introduce(&mut beto, "beto")?;
    let message = framed("hola")?;
    let mut heard = vec![0; 4 + "#[ana@127.0.0.1]>> hola".len()];
    let mut waits = Vec::with_capacity(times);
    for _ in 0..times {
        let start = Instant::now();
        ana.write_all(&message)?;
        beto.read_exact(&mut heard)?;
        waits.push(start.elapsed().as_secs_f64() * 1e6);
    }
    waits.sort_by(f64::total_cmp);
    Ok(waits[times / 2])
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Los que hablan tienen una letra por nombre: así todas las entregas miden lo mismo.
fn name(number: usize) -> String {
    match u8::try_from(number) {
        Ok(letter) if number < SPEAKERS => char::from(b'a' + letter).to_string(),
        _ => format!("r{number}"),
    }
}

fn framed(text: &str) -> io::Result<Vec<u8>> {
    frame::encode(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

fn introduce(stream: &mut TcpStream, name: &str) -> io::Result<()> {
    stream.write_all(&framed(&format!("NAME: {name}"))?)?;
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer)?;
    if answer == b"CLIENT: 127.0.0.1" {
        Ok(())
    } else {
        Err(io::ErrorKind::ConnectionRefused.into())
    }
}

fn subscribe(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(b"SUBSCRIBE c\r\n")?;
    let mut answer = [0; "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".len()];
    stream.read_exact(&mut answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    /// Un servidor que presenta a sus clientes y reparte cada mensaje entre los demás, tan despacio
    /// como haga falta: uno cada vez.
    fn tiny_chat(clients: usize) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let mut streams = Vec::new();
            for number in 0..clients {
                let (mut stream, _) = listener.accept().unwrap();
                let mut hello = vec![0; 4 + "NAME: ".len() + name(number).len()];
                stream.read_exact(&mut hello).unwrap();
                stream.write_all(&framed("CLIENT: 127.0.0.1").unwrap()).unwrap();
                streams.push(stream);
            }
            let mut heard = vec![0; 4 + TEXT - "#[a@127.0.0.1]>> ".len()];
            let said = framed(&"x".repeat(TEXT)).unwrap();
            for speaker in (0..2).cycle() {
                if streams[speaker].read_exact(&mut heard).is_err() {
                    return;
                }
                for (number, mut stream) in streams.iter().enumerate() {
                    if number != speaker && stream.write_all(&said).is_err() {
                        return;
                    }
                }
            }
        });
        address
    }

    #[test]
    fn todo_lo_dicho_llega_a_todos_los_demás() {
        let mut room = Room::enter(Protocol::Chat, &[tiny_chat(4)], 4, 2).unwrap();
        room.talk(20, 3).unwrap();
        room.talk(20, 3).unwrap();
    }

    #[test]
    fn cada_cliente_tiene_un_nombre_distinto() {
        let mut names: Vec<String> = (0..1000).map(name).collect();
        assert_eq!(names[0], "a");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 1000);
    }
}
