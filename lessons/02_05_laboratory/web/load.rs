//! La carga de la web: unas cuantas conexiones que piden en cuanto reciben, de una en una o de
//! muchas en muchas.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::SockRef;

/// Conexiones que piden a la vez.
pub(super) const CONNECTIONS: usize = 64;

/// Cuánto se espera una respuesta.
const PATIENCE: Duration = Duration::from_secs(5);

/// Conexiones abiertas a un servidor web.
pub(super) struct Visitors {
    epoll: Epoll,
    each: Vec<Visitor>,
    request: Vec<u8>,
    /// Bytes de una respuesta: siempre los mismos, porque siempre es la misma.
    answer: usize,
}

struct Visitor {
    stream: TcpStream,
    left: usize,
}

impl Visitors {
    /// Conecta `count` visitantes; cada uno hace una petición y recibe su respuesta.
    ///
    /// # Errors
    /// El servidor no responde con la línea de la lección.
    pub(super) fn connect(address: SocketAddr, count: usize) -> io::Result<Visitors> {
        let request = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut answer = 0;
        let mut visitors = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = TcpStream::connect(address)?;
            // Que al cerrarse no deje el puerto ocupado un minuto (TIME_WAIT).
            SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.write_all(&request)?;
            answer = whole_answer(&mut stream)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, number as u64))?;
            visitors.push(Visitor { stream, left: 0 });
        }
        Ok(Visitors { epoll, each: visitors, request, answer })
    }

    /// Piden durante `time`, `depth` peticiones de cada vez. Devuelve cuántas se respondieron.
    ///
    /// # Errors
    /// El servidor calla o corta.
    pub(super) fn ask(&mut self, depth: usize, time: Duration) -> io::Result<u64> {
        let batch = self.request.repeat(depth);
        let whole = self.answer * depth;
        let start = Instant::now();
        let mut events = [EpollEvent::empty(); 256];
        let mut buffer = vec![0; 64 * 1024];
        let (mut answered, mut open) = (0, self.each.len());
        let mut heard = start;
        for visitor in &mut self.each {
            visitor.ask(&batch, whole)?;
        }
        while open > 0 {
            // Sin dormir. A quien duerme hay que despertarlo, y en la misma máquina eso lo paga el
            // proceso que le escribe: más cuanto más lento sea, que lo encuentra dormido más veces.
            // No es un gasto suyo: con el cliente en otra máquina no lo tendría.
            let ready = match self.epoll.wait(&mut events, EpollTimeout::ZERO) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            if ready > 0 {
                heard = now;
            } else if now - heard >= PATIENCE {
                return Err(io::ErrorKind::TimedOut.into());
            }
            let over = now - start >= time;
            for event in &events[..ready] {
                let place = usize::try_from(event.data()).unwrap_or(usize::MAX);
                let visitor = &mut self.each[place];
                if !visitor.receive(&mut buffer)? {
                    continue;
                }
                answered += depth as u64;
                if over {
                    open -= 1;
                } else {
                    visitor.ask(&batch, whole)?;
                }
            }
        }
        Ok(answered)
    }
}

impl Visitor {
    fn ask(&mut self, batch: &[u8], whole: usize) -> io::Result<()> {
        self.left = whole;
        self.stream.write_all(batch)
    }

    /// Recoge lo que haya. Dice si con eso está todo lo pedido.
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                self.left = self.left.saturating_sub(count);
                Ok(self.left == 0)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Lee una respuesta entera y dice cuántos bytes ocupa.
fn whole_answer(stream: &mut TcpStream) -> io::Result<usize> {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with("EpollServer!\n".as_bytes()) {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(answer.len())
}
