//! El mando del servidor: lo comparten el bucle que acepta, los hilos que atienden y quien
//! quiera pararlo.

use std::collections::HashMap;
use std::io;
use std::mem;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::request::Request;
use crate::steps::Step;

/// Lo que se deja a los manejadores, al parar, para despedirse de su cliente.
const GRACE: Duration = Duration::from_secs(1);

/// El mando de un [`TcpServer`](super::TcpServer): se clona y se usa desde cualquier hilo.
#[derive(Clone, Debug)]
pub struct Control {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Despierta al bucle que acepta: es un descriptor más de los que vigila (eventfd(2)).
    alarm: EventFd,
    state: Mutex<State>,
    /// Cambió algo que alguien espera: se fue un cliente, o el bucle terminó.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// No entra nadie más: alguien pidió parar, o el bucle no puede seguir.
    stopping: bool,
    /// El hilo que está en `serve_forever`.
    serving: Option<ThreadId>,
    /// Cada cliente dentro de su manejador, por el hilo que lo atiende. El socket se comparte, no
    /// se duplica: una copia costaría otro descriptor por cliente.
    attended: HashMap<ThreadId, Arc<Request>>,
    /// Los hilos que terminaron con su cliente y el bucle aún no ha recogido.
    finished: Vec<ThreadId>,
}

impl Control {
    pub(super) fn new() -> io::Result<Control> {
        let alarm = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let (state, changed) = (Mutex::default(), Condvar::new());
        Ok(Control { shared: Arc::new(Shared { alarm, state, changed }) })
    }

    /// Para el servidor y espera a que [`serve_forever`](super::TcpServer::serve_forever)
    /// vuelva: entonces ya no queda ningún cliente dentro de su manejador.
    ///
    /// A los manejadores que esperan datos les llega el final de la entrada, como si el
    /// cliente hubiera cerrado, y pueden enviar lo último que tengan; al que un segundo
    /// después siga ocupado con su socket, porque su cliente no lee o no deja de hablar, se le
    /// corta. Un manejador que no toca el socket (hace cálculos, espera otra cosa) no se puede
    /// interrumpir: se le espera, salvo con
    /// [`block_on_close`](super::ThreadingMixIn::block_on_close) a `false`.
    ///
    /// Si el servidor aún no ha empezado, vuelve en el acto y la petición queda hecha: en
    /// cuanto empiece, terminará. Desde dentro de un manejador tampoco espera, porque el
    /// servidor lo espera a él (en Python, sin hilos, esa llamada no volvería nunca).
    pub fn shutdown(&self) {
        Step::Stop {}.tell();
        let state = self.close_the_door();
        self.ring();
        let me = thread::current().id();
        if state.serving != Some(me) && !state.attended.contains_key(&me) {
            self.wait_while(state, |state| state.stopping && state.serving.is_some());
        }
    }

    /// Un testigo que llama a [`shutdown`](Control::shutdown) cuando se descarta, se salga
    /// por donde se salga: con `?`, con `return` o con un pánico.
    pub fn shutdown_on_drop(&self) -> ShutdownOnDrop {
        ShutdownOnDrop { control: self.clone() }
    }

    /// Este hilo empieza a servir.
    pub(super) fn begin(&self) {
        self.lock().serving = Some(thread::current().id());
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.lock().stopping
    }

    /// Apunta que este hilo atiende a un cliente, salvo que el servidor esté parando.
    pub(super) fn admit(&self, request: &Arc<Request>) -> Option<Admission<'_>> {
        let mut state = self.lock();
        if state.stopping {
            return None;
        }
        state.attended.insert(thread::current().id(), Arc::clone(request));
        Some(Admission { control: self })
    }

    /// Los hilos que terminaron con su cliente desde la última vez.
    pub(super) fn take_finished(&self) -> Vec<ThreadId> {
        mem::take(&mut self.lock().finished)
    }

    /// Cierra la puerta; si `wait`, espera a que salgan los clientes que estén dentro.
    pub(super) fn dismiss(&self, wait: bool) {
        let state = self.close_the_door();
        if wait {
            self.wait_while(state, |state| !state.attended.is_empty());
        }
    }

    /// Ya no se sirve: la petición de parar quedó cumplida.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.stopping = false;
        state.serving = None;
        self.shared.changed.notify_all();
    }

    /// Desde ahora no entra nadie más, y quien esté dentro lee el final de la entrada. SHUT_RD no
    /// impide que al socket lleguen más bytes, y se leerían: de quien no deja de hablar se ocupa
    /// [`GRACE`].
    fn close_the_door(&self) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        if !mem::replace(&mut state.stopping, true) {
            state.interrupt(Shutdown::Read);
        }
        state
    }

    /// Espera mientras quede algo pendiente. A los manejadores les deja [`GRACE`] para acabar;
    /// después corta en los dos sentidos, lo que despierta también a quien escribe para un
    /// cliente que no lee.
    fn wait_while(
        &self,
        state: MutexGuard<'_, State>,
        mut pending: impl FnMut(&mut State) -> bool,
    ) {
        let changed = &self.shared.changed;
        let (state, timeout) = changed
            .wait_timeout_while(state, GRACE, &mut pending)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            state.interrupt(Shutdown::Both);
        }
        drop(changed.wait_while(state, pending));
    }

    /// El descriptor que se vuelve legible cuando el bucle tiene algo que mirar.
    pub(super) fn alarm(&self) -> BorrowedFd<'_> {
        self.shared.alarm.as_fd()
    }

    fn ring(&self) {
        // Solo fallaría con el contador a punto de desbordarse, y entonces ya está sonando.
        let _ = self.shared.alarm.write(1);
    }

    /// Pone el contador a cero: si no, el descriptor seguiría listo y el bucle no dormiría más.
    pub(super) fn silence_alarm(&self) {
        let _ = self.shared.alarm.read();
    }

    /// Un pánico con el cerrojo echado no dejaría nada a medias: cada cambio es de una línea.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn interrupt(&self, how: Shutdown) {
        for request in self.attended.values() {
            request.interrupt(how);
        }
    }
}

/// Mientras existe, el cliente de este hilo está apuntado como atendido.
pub(super) struct Admission<'a> {
    control: &'a Control,
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        let thread = thread::current().id();
        let mut state = self.control.lock();
        state.attended.remove(&thread);
        state.finished.push(thread);
        if state.stopping {
            self.control.shared.changed.notify_all();
        }
        drop(state);
        self.control.ring();
    }
}

/// Llama a [`Control::shutdown`] al descartarse.
#[derive(Debug)]
#[must_use = "el servidor se detiene en cuanto se descarta"]
pub struct ShutdownOnDrop {
    control: Control,
}

impl Drop for ShutdownOnDrop {
    fn drop(&mut self) {
        self.control.shutdown();
    }
}
