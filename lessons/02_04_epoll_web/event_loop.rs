//! El bucle de eventos: un hilo, todos los clientes.

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use multiplexacion::client_id::ClientId;
use multiplexacion::errors;
use multiplexacion::listener::{self, BACKLOG};
use multiplexacion::steps::{Shown, Step};
use nix::errno::Errno;
use nix::sys::epoll::{EpollEvent, EpollFlags, EpollTimeout};

use crate::client::{Client, CloseReason, Context};
use crate::server::{EVENTS, Entry, EpollServer, LISTENER, Names, Ready, STOP};

impl EpollServer {
    // ANCHOR: run
    /// Cada vuelta: esperar, atender a quien esté listo, recoger. Acaba cuando se pidió
    /// la parada y se fue el último.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut ready = Ready::with_room_for(EVENTS);
        while self.listener.is_some() || !self.clients.is_empty() {
            self.wait(&mut ready)?;
            if mem::take(&mut ready.stop) {
                self.on_stop();
            }
            for id in ready.readable.drain(..) {
                self.touch(id, Client::on_readable);
            }
            for id in ready.writable.drain(..) {
                self.touch(id, Client::on_writable);
            }
            if mem::take(&mut ready.listener) {
                self.on_acceptable();
            }
            self.reap();
        }
        Ok(())
    }
    // ANCHOR_END: run

    // ANCHOR: wait
    /// El único punto en el que el programa espera: hasta que el núcleo tenga algo que
    /// contar, o hasta el plazo más próximo. Sin plazos, para siempre.
    fn wait(&mut self, ready: &mut Ready) -> io::Result<()> {
        Step::Sleep { call: "epoll_wait", clients: self.clients.len() }.tell();
        let result = match self.epoll.wait(&mut ready.events, self.timeout()) {
            Ok(count) => count,
            // Otra señal, como la de reanudar tras Ctrl-Z (signal(7)).
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        self.context.now = Instant::now();
        Step::Wake { call: "epoll_wait", result }.tell();
        for event in &ready.events[..result] {
            let (id, events) = (ClientId(event.data()), event.events());
            self.tell_ready(id, events);
            match (id, events) {
                (LISTENER, _) => ready.listener = true,
                (STOP, _) => ready.stop = true,
                // Hay sitio en el búfer de salida, y nada más.
                (_, EpollFlags::EPOLLOUT) => ready.writable.push(id),
                // EPOLLIN: hay bytes, o llegó el final. EPOLLERR y EPOLLHUP llegan aunque
                // no se pidan, y sin descanso: la lectura dirá qué pasó.
                _ => ready.readable.push(id),
            }
        }
        Ok(())
    }
    // ANCHOR_END: wait

    fn timeout(&self) -> EpollTimeout {
        let moments = [self.deadlines.next(), self.pause.until()].into_iter().flatten();
        let Some(next) = moments.min() else { return EpollTimeout::NONE };
        // Milisegundos enteros, y hacia arriba: antes de la hora no hay nada que hacer.
        let left = next.saturating_duration_since(self.context.now);
        let left = left + Duration::from_micros(999);
        EpollTimeout::try_from(left).unwrap_or(EpollTimeout::MAX)
    }

    // ANCHOR: on_acceptable
    /// Alguien espera en la cola del núcleo. Se acepta a uno por vuelta: si hay más,
    /// epoll lo repetirá (disparo por nivel). Devuelve si entró.
    fn on_acceptable(&mut self) -> bool {
        let Some(listener) = &self.listener else { return false };
        match listener.accept() {
            Ok((stream, address)) => {
                self.welcome(stream, address);
                return true;
            }
            Err(error) => self.pause.after(&error, listener),
        }
        if self.pause.until().is_some() {
            // El socket que escucha seguiría «listo»: se deja de vigilar.
            let _ = self.epoll.delete(listener);
        }
        false
    }
    // ANCHOR_END: on_acceptable

    // ANCHOR: welcome
    fn welcome(&mut self, stream: TcpStream, address: SocketAddr) {
        let (fd, id) = (stream.as_raw_fd(), self.ids.next_id());
        let interest = EpollFlags::EPOLLIN;
        Step::Accept { fd, client: id, address }.tell();
        let registered = listener::prepare(&stream)
            .and_then(|()| Ok(self.epoll.add(&stream, EpollEvent::new(interest, id.0))?));
        if let Err(error) = registered {
            let result = Shown(&errors::reason(&error));
            return Step::Close { fd, client: id, result }.tell();
        }
        Step::Register { fd, client: id, result: Shown(&Names(interest)) }.tell();
        let client = Client::new(stream, id, &self.context);
        let alarm = client.deadline;
        self.deadlines.arm(alarm, id);
        self.clients.insert(id, Box::new(Entry { client, interest, alarm }));
    }
    // ANCHOR_END: welcome

    // ANCHOR: touch
    /// La única manera de mover a un cliente. Por eso no se olvida lo que va detrás:
    /// escribir lo encolado, y poner al día lo que epoll y las alarmas saben de él.
    fn touch(&mut self, id: ClientId, act: impl FnOnce(&mut Client, &mut Context)) {
        let Some(entry) = self.clients.get_mut(&id) else { return };
        let Entry { client, interest, alarm } = &mut **entry;
        let before = client.conn.phase();
        act(client, &mut self.context);
        client.settle(before, &self.context);
        // O leer o escribir: mientras no recoja lo que pidió, no se le lee más. EPOLLOUT,
        // solo si quedó algo: casi siempre hay sitio, y epoll no dejaría dormir.
        let full = client.conn.wants_write();
        let wanted = if full { EpollFlags::EPOLLOUT } else { EpollFlags::EPOLLIN };
        if *interest != wanted && client.closing.is_none() {
            *interest = wanted;
            let (fd, result) = (client.conn.raw_fd(), Shown(&Names(wanted)));
            Step::Modify { fd, client: id, result }.tell();
            let mut event = EpollEvent::new(wanted, id.0);
            if let Err(error) = self.epoll.modify(client.conn.stream(), &mut event) {
                client.close_later(CloseReason::Broken(error.into()));
            }
        }
        if client.closing.is_some() {
            self.closing.push(id);
        } else if client.deadline < *alarm || *alarm <= self.context.now {
            // El plazo se adelantó, o la alarma ya sonó. La temprana se corrige al sonar.
            self.deadlines.disarm(*alarm, id);
            *alarm = client.deadline;
            self.deadlines.arm(*alarm, id);
        }
    }
    // ANCHOR_END: touch

    // ANCHOR: reap
    /// Echa a quien agotó su plazo y cierra a quien toca: solo aquí se cierra a los de
    /// dentro. Soltar la entrada cierra el descriptor, y lo quita de epoll (epoll(7)).
    fn reap(&mut self) {
        while let Some(id) = self.deadlines.pop_due(self.context.now) {
            self.touch(id, Client::on_alarm);
        }
        for id in mem::take(&mut self.closing) {
            let Some(entry) = self.clients.remove(&id) else { continue };
            self.deadlines.disarm(entry.alarm, id);
            entry.client.tell_closed();
            self.pause.shorten(self.context.now);
        }
        let Some(listener) = &self.listener else { return };
        if self.pause.resume(self.context.now, listener) {
            let event = EpollEvent::new(EpollFlags::EPOLLIN, LISTENER.0);
            let again = self.epoll.add(listener, event);
            again.unwrap_or_else(|error| self.pause.after(&error.into(), listener));
        }
    }
    // ANCHOR_END: reap

    // ANCHOR: on_stop
    /// Ctrl-C o SIGTERM: nadie más llega, los ociosos se van y quien tenga una respuesta
    /// a medias la recibe entera.
    fn on_stop(&mut self) {
        Step::Stop {}.tell();
        // La señal sigue «lista» para siempre: vigilada, no dejaría dormir más.
        let _ = self.epoll.delete(&*self.stop);
        self.context.closing_time = Some(self.context.now + self.drain);
        // Cerrar el socket que escucha reinicia a quien espera en su cola: antes entran
        // todos. Si faltan descriptores, en la segunda vuelta, con los de quienes se van.
        for _ in 0..2 {
            let _all_in = (0..BACKLOG).all(|_| self.on_acceptable());
            self.listener = self.listener.take().filter(|_| self.pause.until().is_some());
            for id in self.clients.keys().copied().collect::<Vec<_>>() {
                self.touch(id, Client::on_stop);
            }
            self.reap();
        }
        (self.listener, self.pause) = (None, listener::Pause::default());
    }
    // ANCHOR_END: on_stop
}
