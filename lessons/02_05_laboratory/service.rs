//! El servicio que se mide: un eco, en un hilo, sobre cualquier [`Selector`].
//!
//! Es el bucle de la lección 02_04 reducido a lo justo: esperar, atender, aceptar. No sabe con
//! qué motor trabaja, salvo que por flanco hay que leer hasta el fondo.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use multiplexacion::cli;
use multiplexacion::listener;
use nix::errno::Errno;
use nix::unistd::{read, write};

use crate::engines::{Events, File, Ready, Selector};
use crate::tally::Tally;

/// Con qué número se registra cada archivo: los dos primeros tienen dueño, y el del cliente de la
/// casilla `n` es `n + FIRST`.
const LISTENER: usize = 0;
const ORDERS: usize = 1;
const FIRST: usize = 2;

/// Lo que cabe en una lectura. Uno para todos los clientes: los atiende el mismo hilo.
const BUFFER: usize = 16 * 1024;

/// Un cliente y lo que aún no cupo en su búfer de salida.
struct Client {
    file: File,
    pending: Vec<u8>,
}

/// El servicio, sobre el motor `S`.
pub(crate) struct Service<S> {
    selector: S,
    listener: TcpListener,
    watched_listener: File,
    orders: File,
    clients: Vec<Option<Client>>,
    free: Vec<usize>,
    scratch: Vec<u8>,
    calls: u64,
    wakeups: u64,
    refused: u64,
    hindered: bool,
}

/// Si se sigue con un cliente o ya no.
#[derive(PartialEq, Eq)]
enum Fate {
    Stays,
    Leaves,
}

impl<S: Selector> Service<S> {
    /// Prepara el servicio. Con `hindered` hace a propósito lo que no debe: recorrer a todos los
    /// clientes en cada vuelta. Sirve para comprobar que el laboratorio lo nota.
    ///
    /// # Errors
    /// El motor no admite vigilar el socket que escucha o la entrada estándar.
    pub(crate) fn new(
        mut selector: S,
        listener: TcpListener,
        hindered: bool,
    ) -> io::Result<Service<S>> {
        listener.set_nonblocking(true)?;
        let watched_listener: File = Rc::new(listener.as_fd().try_clone_to_owned()?);
        let orders: File = Rc::new(io::stdin().as_fd().try_clone_to_owned()?);
        selector.register(&watched_listener, Events::READ, LISTENER)?;
        selector.register(&orders, Events::READ, ORDERS)?;
        Ok(Service {
            selector,
            listener,
            watched_listener,
            orders,
            clients: Vec::new(),
            free: Vec::new(),
            scratch: vec![0; BUFFER],
            calls: 0,
            wakeups: 0,
            refused: 0,
            hindered,
        })
    }

    // ANCHOR: run
    /// Atiende hasta que se acabe la entrada estándar; a cada línea que llegue por ella responde
    /// con la cuenta.
    ///
    /// # Errors
    /// Los del propio motor. Los de un cliente se quedan en él.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut ready = Vec::new();
        loop {
            self.selector.select(None, &mut ready)?;
            self.wakeups += 1;
            let mut newcomers = false;
            for Ready { data, events } in ready.drain(..) {
                match data {
                    LISTENER => newcomers = true,
                    ORDERS => {
                        if !self.on_order()? {
                            return Ok(());
                        }
                    }
                    client => self.on_client(client - FIRST, events)?,
                }
            }
            // Los nuevos, al final: la casilla de quien acaba de irse puede ser la suya, y en
            // esta vuelta aún podía quedar un aviso para el anterior.
            if newcomers {
                self.on_acceptable()?;
            }
            if self.hindered {
                self.walk_everyone();
            }
        }
    }
    // ANCHOR_END: run

    // ANCHOR: client
    fn on_client(&mut self, slot: usize, events: Events) -> io::Result<()> {
        let Some(Some(client)) = self.clients.get_mut(slot) else { return Ok(()) };
        let mut fate = Fate::Stays;
        if events.write && !client.pending.is_empty() {
            fate = client.flush(&mut self.calls);
            if fate == Fate::Stays && client.pending.is_empty() {
                self.selector.modify(&client.file, Events::READ, slot + FIRST)?;
            }
        }
        // Leer o escribir, una cosa a la vez: a quien no recoge lo suyo no se le lee más.
        while fate == Fate::Stays && client.pending.is_empty() && (events.read || S::EDGE) {
            self.calls += 1;
            match read(&client.file, &mut self.scratch) {
                Ok(0) => fate = Fate::Leaves,
                Ok(count) => fate = client.send(&self.scratch[..count], &mut self.calls),
                Err(Errno::EAGAIN) => break,
                Err(_) => fate = Fate::Leaves,
            }
            if fate == Fate::Stays && !client.pending.is_empty() {
                self.selector.modify(&client.file, Events::WRITE, slot + FIRST)?;
            }
            // Por nivel basta una lectura: si queda algo, el motor lo repetirá. Por flanco, no:
            // se lee hasta EAGAIN, una llamada más en cada aviso.
            if !S::EDGE {
                break;
            }
        }
        if fate == Fate::Leaves { self.close(slot) } else { Ok(()) }
    }
    // ANCHOR_END: client

    fn on_acceptable(&mut self) -> io::Result<()> {
        loop {
            self.calls += 1;
            match listener::accept(&self.listener) {
                Ok(Some(stream)) => {
                    self.calls += 2;
                    self.welcome(stream.into());
                }
                Ok(None) => return Ok(()),
                // Sin descriptores, el socket que escucha seguiría «listo» para siempre. El
                // laboratorio no espera a que se libere ninguno: se deja de aceptar.
                Err(_) => {
                    self.refused += 1;
                    return self.selector.unregister(&self.watched_listener);
                }
            }
        }
    }

    fn welcome(&mut self, socket: OwnedFd) {
        let file: File = Rc::new(socket);
        let slot = self.free.pop().unwrap_or(self.clients.len());
        if self.selector.register(&file, Events::READ, slot + FIRST).is_err() {
            // No cabe en este motor: al soltar el archivo se cierra, y el cliente lo ve.
            self.refused += 1;
            if slot < self.clients.len() {
                self.free.push(slot);
            }
            return;
        }
        let client = Client { file, pending: Vec::new() };
        if slot == self.clients.len() {
            self.clients.push(Some(client));
        } else {
            self.clients[slot] = Some(client);
        }
    }

    fn close(&mut self, slot: usize) -> io::Result<()> {
        if let Some(client) = self.clients[slot].take() {
            self.selector.unregister(&client.file)?;
            self.free.push(slot);
        }
        Ok(())
    }

    /// Responde a una orden con la cuenta; con la entrada acabada, dice que no hay más.
    fn on_order(&mut self) -> io::Result<bool> {
        let mut order = [0; 64];
        if matches!(read(&self.orders, &mut order), Ok(0)) {
            return Ok(false);
        }
        let calls = self.calls + self.selector.calls();
        cli::say(&Tally::of_this_process(calls, self.wakeups, self.refused).line()?)?;
        Ok(true)
    }

    /// Una pregunta al núcleo por cada cliente, tenga o no algo que contar.
    fn walk_everyone(&mut self) {
        for client in self.clients.iter().flatten() {
            self.calls += 1;
            let _ = nix::fcntl::fcntl(&client.file, nix::fcntl::FcntlArg::F_GETFD);
        }
    }
}

impl Client {
    /// Escribe lo que quepa y guarda el resto.
    fn send(&mut self, bytes: &[u8], calls: &mut u64) -> Fate {
        *calls += 1;
        let written = match write(&self.file, bytes) {
            Ok(count) => count,
            Err(Errno::EAGAIN | Errno::EINTR) => 0,
            Err(_) => return Fate::Leaves,
        };
        self.pending.extend_from_slice(&bytes[written..]);
        Fate::Stays
    }

    fn flush(&mut self, calls: &mut u64) -> Fate {
        let bytes = std::mem::take(&mut self.pending);
        self.send(&bytes, calls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::poll::PollSelector;
    use std::net::TcpStream;
    use std::time::{Duration, Instant};

    /// Espera a que el motor avise de `data`.
    fn wait_for(service: &mut Service<PollSelector>, data: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut ready = Vec::new();
        while !ready.iter().any(|ready: &Ready| ready.data == data) {
            assert!(Instant::now() < deadline, "el motor no avisa de {data}");
            ready.clear();
            service.selector.select(Some(Duration::from_secs(1)), &mut ready).unwrap();
        }
    }

    #[test]
    fn la_casilla_de_quien_se_va_es_para_quien_llega() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let mut service = Service::new(PollSelector::default(), listener, false).unwrap();
        for _ in 0..3 {
            let client = TcpStream::connect(address).unwrap();
            wait_for(&mut service, LISTENER);
            service.on_acceptable().unwrap();
            assert_eq!(service.clients.len(), 1);
            drop(client);
            wait_for(&mut service, FIRST);
            service.on_client(0, Events::READ).unwrap();
            assert!(service.clients[0].is_none());
        }
    }
}
