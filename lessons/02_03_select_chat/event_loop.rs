//! El bucle de eventos: un hilo, todos los clientes.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use multiplexacion::chat::{CloseReason, Effect};
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::Overflow;
use multiplexacion::frame;
use multiplexacion::steps::{Shown, Step};
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};

use crate::guest::Guest;
use crate::messages::receive;
use crate::server::{ChatServer, Ready};
use crate::sets::{timeout_until, who_fits};

impl ChatServer {
    // ANCHOR: run
    /// El bucle de eventos. Cada vuelta: esperar, atender a quien esté listo, recoger.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        loop {
            let ready = self.wait()?;
            if ready.stop || (ready.console && self.console.asks_to_stop(&mut self.scratch)) {
                Step::Stop {}.tell();
                return Ok(());
            }
            for id in ready.readable {
                self.on_readable(id);
            }
            for id in ready.writable {
                self.on_writable(id);
            }
            if ready.listener {
                self.on_acceptable();
            }
            self.reap();
        }
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera.
    ///
    /// `select` recibe dos conjuntos de descriptores y los devuelve con solo los que están
    /// listos: por eso hay que volver a llenarlos en cada vuelta, y recorrerlos enteros a la
    /// ida y a la vuelta. Con muchos clientes ociosos, ese es su costo.
    fn wait(&self) -> io::Result<Ready> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        reading.insert(self.stop.as_fd());
        if let Some(console) = self.console.watched() {
            reading.insert(console);
        }
        if self.pause.until().is_none() {
            reading.insert(self.listener.as_fd());
        }
        for guest in self.guests.values() {
            if guest.conn.wants_read() {
                reading.insert(guest.as_fd());
            }
            // ANCHOR: writing
            // Solo quien tiene algo en la cola. Un socket casi siempre admite más bytes:
            // con todos en este conjunto, `select` volvería al instante, siempre.
            if guest.conn.wants_write() {
                writing.insert(guest.as_fd());
            }
            // ANCHOR_END: writing
        }
        Step::Sleep { call: "select", clients: self.guests.len() }.tell();
        let deadlines = self.guests.values().filter_map(|guest| guest.deadline);
        let mut timeout = timeout_until(deadlines.chain(self.pause.until()).min());
        let result = match select(None, &mut reading, &mut writing, None, timeout.as_mut()) {
            Ok(count) => usize::try_from(count).unwrap_or_default(),
            // Una señal que nadie esperaba: nadie está listo.
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        };
        Step::Wake { call: "select", result }.tell();
        let among = |set: &FdSet<'_>| {
            let ready = self.guests.iter().filter(|(_, guest)| set.contains(guest.as_fd()));
            ready.map(|(id, _)| *id).collect()
        };
        Ok(Ready {
            stop: reading.contains(self.stop.as_fd()),
            console: self.console.watched().is_some_and(|console| reading.contains(console)),
            listener: reading.contains(self.listener.as_fd()),
            readable: among(&reading),
            writable: among(&writing),
        })
    }
    // ANCHOR_END: wait

    // ANCHOR: on_acceptable
    /// Alguien espera en la cola del núcleo; si hay más, `select` lo repetirá. Aquí no se le lee
    /// nada: su nombre llegará cuando llegue, y esperarlo detendría a todos.
    fn on_acceptable(&mut self) {
        match self.listener.accept() {
            Ok((stream, address)) => {
                let id = self.ids.next_id();
                let guest = Guest::welcome(stream, address, id, self.login_timeout);
                self.guests.extend(guest.and_then(who_fits).map(|guest| (id, guest)));
            }
            Err(error) => self.pause.after(&error, &self.listener),
        }
    }
    // ANCHOR_END: on_acceptable

    // ANCHOR: on_readable
    /// Llegaron bytes de un cliente, o su final.
    fn on_readable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        Step::Ready { fd: guest.conn.raw_fd(), client: id, result: Shown(&"leer") }.tell();
        let received = receive(&mut guest.conn, &mut self.scratch);
        for text in received.messages {
            self.on_message(id, &text);
        }
        if let (Some(reason), Some(guest)) = (received.end, self.guests.get_mut(&id)) {
            guest.on_end(reason);
        }
    }
    // ANCHOR_END: on_readable

    /// Volvió a haber sitio en su búfer de salida: se escribe lo que quepa.
    fn on_writable(&mut self, id: ClientId) {
        let Some(guest) = self.guests.get_mut(&id) else { return };
        Step::Ready { fd: guest.conn.raw_fd(), client: id, result: Shown(&"escribir") }.tell();
        let outcome = guest.conn.on_writable();
        guest.note(outcome.map_err(CloseReason::Broken));
    }

    // ANCHOR: on_message
    /// Un mensaje entero. Qué causa lo sabe el chat; aquí se reparte.
    fn on_message(&mut self, id: ClientId, text: &str) {
        let guest = self.guests.get_mut(&id).filter(|guest| guest.closing.is_none());
        let Some(guest) = guest else { return };
        match self.chat.hear(id, guest.address, text) {
            Effect::Joined { greeting, notice } => {
                guest.deadline = None;
                guest.send(&greeting);
                self.broadcast(id, &notice);
            }
            Effect::Said(text) => self.broadcast(id, &text),
            Effect::Rejected(why) => guest.send(&why),
            Effect::Refused(why) => guest.note(Err(CloseReason::Refused(why))),
            Effect::Nothing => {}
        }
    }
    // ANCHOR_END: on_message

    // ANCHOR: broadcast
    /// Difunde un mensaje a todos menos a quien lo causó, siempre en el mismo orden. Si a alguien
    /// no le cabe, el problema es suyo, no de quien habla ni de los demás.
    fn broadcast(&mut self, from: ClientId, text: &str) {
        let Ok(frame) = frame::encode(text) else { return };
        for id in self.chat.others(from) {
            let Some(guest) = self.guests.get_mut(&id) else { continue };
            // A quien se despide no se le dice más: tras un hueco, creería haberlo leído todo.
            if matches!(guest.closing, None | Some(CloseReason::Left)) {
                let queued = guest.conn.queue(&frame);
                guest.note(queued.map_err(|Overflow| CloseReason::NotReading));
            }
        }
    }
    // ANCHOR_END: broadcast

    // ANCHOR: reap
    /// Escribe lo encolado y despide a quien toca: el único lugar que cierra a quien ya entró.
    /// Despedir encola un aviso para los demás: se repite hasta que no queda nadie por despedir.
    fn reap(&mut self) {
        let now = Instant::now();
        loop {
            for guest in self.guests.values_mut() {
                let written = guest.conn.flush();
                guest.note(written.map_err(CloseReason::Broken));
                guest.check_deadline(now);
            }
            let closing: Vec<ClientId> = (self.guests.iter())
                .filter_map(|(id, guest)| guest.closing.is_some().then_some(*id))
                .collect();
            if closing.is_empty() {
                self.pause.resume(now, &self.listener);
                return;
            }
            for id in closing {
                let stays = self.guests.get_mut(&id).is_some_and(|guest| guest.dismiss(now));
                if !stays {
                    self.guests.remove(&id);
                    self.pause.shorten(now);
                }
                if let Some(notice) = self.chat.leave(id) {
                    self.broadcast(id, &notice);
                }
            }
        }
    }
    // ANCHOR_END: reap
}
