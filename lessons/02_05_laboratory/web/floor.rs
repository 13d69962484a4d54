//! El suelo: lo menos que puede gastar un servidor web sobre epoll.
//!
//! No es un servidor: no lee la petición (busca líneas vacías), no mira la hora (la fecha es
//! fija), no tiene plazos ni contrapresión. Contesta una constante. Lo que otro gaste de más
//! sobre esto es el precio de hacerlo bien.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;

use memchr::memmem::Finder;
use multiplexacion::listener;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// La respuesta de la lección, con la fecha del ejemplo de la RFC 9110.
const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n\
    Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 26\r\n\r\n¡Hola desde EpollServer!\n";

/// Lo que se lee de una vez: 8 KiB, como en la lección.
const BUFFER: usize = 8192;

const LISTENER: u64 = u64::MAX;

/// Sirve para siempre.
pub(crate) fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let end_of_head = Finder::new(b"\r\n\r\n");
    // Todas las respuestas que puede merecer una lectura, ya escritas.
    let answers = ANSWER.repeat(BUFFER / 4);
    let mut clients: Vec<Option<TcpStream>> = Vec::new();
    let mut buffer = [0; BUFFER];
    let mut events = [EpollEvent::empty(); 256];
    loop {
        let ready = match epoll.wait(&mut events, EpollTimeout::NONE) {
            Ok(ready) => ready,
            Err(Errno::EINTR) => continue,
            Err(error) => return Err(error.into()),
        };
        for event in &events[..ready] {
            if event.data() == LISTENER {
                if let Some(stream) = listener::accept(listener)? {
                    welcome(stream, &epoll, &mut clients)?;
                }
                continue;
            }
            let place = usize::try_from(event.data()).unwrap_or(usize::MAX);
            let Some(Some(client)) = clients.get_mut(place) else { continue };
            match client.read(&mut buffer) {
                Ok(0) => clients[place] = None,
                Ok(count) => {
                    let requests = end_of_head.find_iter(&buffer[..count]).count();
                    if requests > 0 {
                        let _ = client.write(&answers.as_bytes()[..requests * ANSWER.len()]);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => clients[place] = None,
            }
        }
    }
}

fn welcome(
    stream: TcpStream,
    epoll: &Epoll,
    clients: &mut Vec<Option<TcpStream>>,
) -> io::Result<()> {
    let place = usize::try_from(stream.as_raw_fd()).unwrap_or(0);
    epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, place as u64))?;
    if place >= clients.len() {
        clients.resize_with(place + 1, || None);
    }
    clients[place] = Some(stream);
    Ok(())
}
