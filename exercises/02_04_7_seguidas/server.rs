//! El servidor que usa lo que se escribe en el ejercicio: el bucle, sobre `epoll`.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use ejercicios::epoll::wait;
use multiplexacion::listener;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::ejercicio::Exchange;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Atiende a todos en este hilo.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut clients = HashMap::new();
    let mut arrived = 0;
    loop {
        for (id, _) in wait(&epoll, EpollTimeout::NONE)? {
            if id == LISTENER {
                if let Some(client) = Client::accept(listener)? {
                    arrived += 1;
                    epoll.add(&client.stream, EpollEvent::new(client.interest, arrived))?;
                    clients.insert(arrived, client);
                }
            } else if let Some(client) = clients.get_mut(&id) {
                match client.attend() {
                    Ok(true) => client.follow_up(&epoll, id)?,
                    // Cerrarlo lo quita también de epoll.
                    Ok(false) | Err(_) => drop(clients.remove(&id)),
                }
            }
        }
    }
}

struct Client {
    stream: TcpStream,
    interest: EpollFlags,
    exchange: Exchange,
    /// Nuestro lado está cerrado: lo que aún llegue se descarta.
    said_goodbye: bool,
}

impl Client {
    fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
        let Some(stream) = listener::accept(listener)? else { return Ok(None) };
        let (interest, exchange) = (EpollFlags::EPOLLIN, Exchange::default());
        Ok(Some(Client { stream, interest, exchange, said_goodbye: false }))
    }

    /// Algo pasó. Devuelve si la conexión sigue.
    fn attend(&mut self) -> io::Result<bool> {
        // Mientras no recoja lo que pidió, no se le lee más.
        if self.exchange.output.is_empty() && !self.read()? {
            return Ok(false);
        }
        if !self.said_goodbye {
            self.exchange.advance();
            self.write()?;
            // Puede quedar alguna petición que esperaba sitio: epoll no avisará de ella, porque
            // ya está leída.
            self.exchange.advance();
            if self.exchange.closing && self.exchange.output.is_empty() {
                self.said_goodbye = true;
                // Cerrar de golpe con bytes sin leer podría cortar la respuesta (RFC 9112 §9.6).
                self.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(true)
    }

    /// Una lectura. Devuelve si puede haber más.
    fn read(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => return Ok(false),
            Ok(_) if self.said_goodbye => {}
            Ok(count) => self.exchange.input.extend_from_slice(&buffer[..count]),
            Err(error) if not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Una escritura, si hay qué: todas las respuestas que quepan, juntas.
    fn write(&mut self) -> io::Result<()> {
        if !self.exchange.output.is_empty() {
            match self.stream.write(&self.exchange.output) {
                Ok(count) => drop(self.exchange.output.drain(..count)),
                Err(error) if not_now(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Leer o escribir, una cosa a la vez.
    fn follow_up(&mut self, epoll: &Epoll, id: u64) -> io::Result<()> {
        let empty = self.exchange.output.is_empty();
        let interest = if empty { EpollFlags::EPOLLIN } else { EpollFlags::EPOLLOUT };
        if interest != self.interest {
            self.interest = interest;
            epoll.modify(&self.stream, &mut EpollEvent::new(interest, id))?;
        }
        Ok(())
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
