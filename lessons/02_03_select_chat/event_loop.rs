//! El bucle de eventos: un hilo, todos los clientes.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use multiplexacion::chat::{CloseReason, Effect};
use multiplexacion::client_id::ClientId;
use multiplexacion::steps::{Shown, Step};
use nix::errno::Errno;
use nix::sys::select::{FdSet, select};

use crate::guest::Guest;
use crate::messages::receive;
use crate::server::{ChatServer, Ready};
use crate::sets::{timeout_until, who_fits};

impl ChatServer {
    // ANCHOR: run
    /// El bucle. Cada vuelta: esperar, atender a quien esté listo, recoger.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.wait()?;
            if ready.stop || (ready.console && self.console.asks_to_stop(&mut self.scratch)) {
                Step::Stop {}.tell();
                return Ok(());
            }
            // Por turno: empieza el que sigue al último que habló. Si en la historia no hay
            // sitio para todos, que no se queden fuera siempre los mismos.
            let next = ready.readable.partition_point(|id| *id <= self.last_heard);
            ready.readable.rotate_left(next);
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
    /// El único punto en el que el programa espera. `select` deja en los conjuntos solo a los
    /// listos: hay que llenarlos en cada vuelta, y recorrerlos enteros antes y después.
    fn wait(&self) -> io::Result<Ready> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        let console = self.watch(&mut reading, &mut writing);
        let deadlines = self.guests.values().filter_map(|guest| guest.deadline);
        let until = deadlines.chain(self.pause.until()).chain(console).min();
        Step::Sleep { call: "select", clients: self.guests.len() }.tell();
        let mut timeout = timeout_until(until);
        let result = match select(None, &mut reading, &mut writing, None, &mut timeout) {
            Ok(count) => usize::try_from(count).unwrap_or_default(),
            // Solo lo causa una señal con función propia (signal(7)), y aquí no hay ninguna.
            Err(Errno::EINTR) => return Ok(Ready::default()),
            Err(error) => return Err(error.into()),
        };
        Step::Wake { call: "select", result }.tell();
        Ok(self.ready(&reading, &writing))
    }
    // ANCHOR_END: wait

    // ANCHOR: sets
    /// A quién se vigila. Devuelve desde cuándo mirar la terminal, si aún no toca.
    fn watch<'a>(&'a self, reading: &mut FdSet<'a>, writing: &mut FdSet<'a>) -> Option<Instant> {
        reading.insert(self.stop.as_fd());
        if self.pause.until().is_none() {
            reading.insert(self.listener.as_fd());
        }
        for guest in self.guests.values() {
            // ANCHOR: reading
            // A quien habla más deprisa de lo que otros leen no se le lee: que espere.
            if guest.may_talk(&self.history) {
                reading.insert(guest.as_fd());
            }
            // ANCHOR_END: reading
            // ANCHOR: writing
            // Solo quien tiene algo en la cola. Un socket casi siempre admite más bytes: con
            // todos en este conjunto, `select` volvería al instante, siempre.
            if guest.conn.wants_write() {
                writing.insert(guest.as_fd());
            }
            // ANCHOR_END: writing
        }
        self.console.watch(reading)
    }

    /// Quién quedó en los conjuntos.
    fn ready(&self, reading: &FdSet<'_>, writing: &FdSet<'_>) -> Ready {
        let among = |set: &FdSet<'_>| {
            let all = self.guests.iter();
            all.filter(|(_, it)| set.contains(it.as_fd())).map(|(id, _)| *id).collect()
        };
        Ready {
            stop: reading.contains(self.stop.as_fd()),
            console: reading.contains(self.console.keyboard.as_fd()),
            listener: reading.contains(self.listener.as_fd()),
            readable: among(reading),
            writable: among(writing),
        }
    }
    // ANCHOR_END: sets

    // ANCHOR: on_acceptable
    /// Alguien espera en la cola del núcleo; si hay más, `select` lo repetirá. Aquí no se le
    /// lee nada: su nombre llegará cuando llegue, y esperarlo detendría a todos.
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
        let guest = self.guests.get_mut(&id).filter(|it| it.may_talk(&self.history));
        let Some(guest) = guest else { return };
        if guest.is_member() {
            self.last_heard = id;
        }
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
        guest.on_writable(Instant::now());
    }

    // ANCHOR: on_message
    /// Un mensaje entero. Qué causa lo sabe el chat; aquí se reparte.
    fn on_message(&mut self, id: ClientId, text: &str) {
        let guest = self.guests.get_mut(&id).filter(|guest| guest.closing.is_none());
        let Some(guest) = guest else { return };
        match self.chat.hear(id, guest.address, text) {
            Effect::Joined { greeting, notice } => {
                guest.join(&greeting, &self.history);
                self.history.push(id, &notice);
            }
            Effect::Said(text) => self.history.push(id, &text),
            Effect::Rejected(why) => guest.send(&why),
            Effect::Refused(why) => guest.note(Err(CloseReason::Refused(why))),
            Effect::Nothing => {}
        }
    }
    // ANCHOR_END: on_message

    // ANCHOR: reap
    /// Difunde lo dicho y recoge a quien toca: el único lugar que cierra a quien ya entró.
    /// Recoger a uno es un aviso para los demás: se repite hasta que no queda nadie así.
    fn reap(&mut self) {
        let now = Instant::now();
        loop {
            for guest in self.guests.values_mut() {
                guest.deliver(now, &self.history);
                guest.check_deadline(now, &self.history);
            }
            let closing: Vec<ClientId> = (self.guests.iter())
                .filter_map(|(id, guest)| guest.closing.is_some().then_some(*id))
                .collect();
            if closing.is_empty() {
                break;
            }
            for id in closing {
                let Some(guest) = self.guests.get_mut(&id) else { continue };
                if !guest.dismiss(now, &self.history) {
                    self.guests.remove(&id);
                    self.pause.shorten(now);
                }
                if let Some(notice) = self.chat.leave(id) {
                    self.history.push(id, &notice);
                }
            }
        }
        let unheard = self.guests.values().filter_map(Guest::unheard).min();
        self.history.forget_before(unheard.unwrap_or(u64::MAX));
        self.pause.resume(now, &self.listener);
    }
    // ANCHOR_END: reap
}
