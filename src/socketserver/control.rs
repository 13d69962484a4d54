//! El mando del servidor: lo comparten el bucle que acepta, los hilos que atienden y quien
//! quiera pararlo.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nix::sys::eventfd::{EfdFlags, EventFd};

use super::request::Request;
use crate::client_id::ClientId;
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
    address: SocketAddr,
    /// Despierta al bucle que acepta: es un descriptor más de los que vigila (eventfd(2)).
    wake: EventFd,
    state: Mutex<State>,
    /// Cambió algo que alguien espera: se fue el último cliente, o el bucle terminó.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Alguien llamó a `shutdown` y nadie lo ha obedecido aún.
    requested: bool,
    /// El servidor está despidiendo a sus clientes: no entra ninguno más.
    closing: bool,
    serving: Option<Round>,
    rounds: u64,
    attended: HashMap<ClientId, Attended>,
    finished: Vec<ClientId>,
}

/// Una ejecución de `serve_forever` o de `handle_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Round {
    number: u64,
    thread: ThreadId,
}

/// Un cliente dentro de su manejador.
///
/// El socket se comparte, no se duplica: una copia costaría otro descriptor por cliente.
#[derive(Debug)]
struct Attended {
    request: Arc<Request>,
    thread: ThreadId,
}

impl Control {
    pub(super) fn new(address: SocketAddr) -> io::Result<Control> {
        let wake = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        let (state, changed) = (Mutex::default(), Condvar::new());
        Ok(Control { shared: Arc::new(Shared { address, wake, state, changed }) })
    }

    /// Dirección en la que escucha el servidor: `server_address` de Python.
    pub fn server_address(&self) -> SocketAddr {
        self.shared.address
    }

    /// Para el servidor y espera a que [`serve_forever`](super::TcpServer::serve_forever)
    /// vuelva: entonces ya no queda ningún cliente dentro de su manejador.
    ///
    /// A los manejadores que esperan datos les llega el final de la entrada, como si el
    /// cliente hubiera cerrado, y pueden enviar lo último que tengan; al que un segundo
    /// después siga ocupado con su socket se le corta. Un manejador que no toca el socket
    /// (hace cálculos, espera otra cosa) no se puede interrumpir: se le espera, salvo con
    /// [`block_on_close`](super::ThreadingMixIn::block_on_close) a `false`.
    ///
    /// Si el servidor aún no ha empezado, vuelve en el acto y la petición queda hecha: en
    /// cuanto empiece, terminará. Desde dentro de un manejador tampoco espera, porque el
    /// servidor lo espera a él (en Python, sin hilos, esa llamada no volvería nunca).
    pub fn shutdown(&self) {
        let mut state = self.lock();
        state.requested = true;
        self.wake();
        Step::Stop {}.tell();
        state.interrupt(Shutdown::Read);
        let Some(round) = state.serving else { return };
        if state.is_inside(thread::current().id()) {
            return;
        }
        let same_round = |state: &mut State| state.serving == Some(round);
        let state = self.insist_while(state, same_round);
        drop(self.shared.changed.wait_while(state, same_round));
    }

    /// Un testigo que llama a [`shutdown`](Control::shutdown) cuando se descarta, se salga
    /// por donde se salga: con `?`, con `return` o con un pánico. Es el `with server:` de
    /// Python.
    pub fn shutdown_on_drop(&self) -> ShutdownOnDrop {
        ShutdownOnDrop { control: self.clone() }
    }

    /// Empieza a servir; termina cuando se descarta lo que devuelve.
    pub(super) fn begin(&self) -> Serving {
        let mut state = self.lock();
        state.rounds += 1;
        state.serving = Some(Round { number: state.rounds, thread: thread::current().id() });
        Serving { control: self.clone() }
    }

    /// Apunta que este hilo atiende a un cliente, salvo que el servidor esté parando.
    pub(super) fn admit(&self, request: &Arc<Request>) -> Option<Admission> {
        let mut state = self.lock();
        if state.closing || state.requested {
            return None;
        }
        let client = request.client();
        let attended = Attended { request: Arc::clone(request), thread: thread::current().id() };
        state.attended.insert(client, attended);
        Some(Admission { control: self.clone(), client })
    }

    pub(super) fn is_requested(&self) -> bool {
        self.lock().requested
    }

    /// Los clientes que terminaron desde la última vez.
    pub(super) fn take_finished(&self) -> Vec<ClientId> {
        std::mem::take(&mut self.lock().finished)
    }

    /// Cierra la puerta y despierta a los manejadores, si `shutdown` no lo hizo ya; si `wait`,
    /// espera a que terminen con sus sockets, insistiendo si hace falta.
    pub(super) fn dismiss(&self, wait: bool) {
        let mut state = self.lock();
        state.closing = true;
        if !state.requested {
            state.interrupt(Shutdown::Read);
        }
        if wait {
            drop(self.insist_while(state, |state| !state.attended.is_empty()));
        }
    }

    /// Vuelve a abrir la puerta: la petición de parar quedó cumplida.
    pub(super) fn reopen(&self) {
        let mut state = self.lock();
        state.closing = false;
        state.requested = false;
    }

    /// Deja a los manejadores [`GRACE`] para acabar; después corta en los dos sentidos, lo que
    /// despierta también a quien escribe para un cliente que no lee.
    fn insist_while<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        pending: impl FnMut(&mut State) -> bool,
    ) -> MutexGuard<'a, State> {
        let (state, timeout) = self
            .shared
            .changed
            .wait_timeout_while(state, GRACE, pending)
            .unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() {
            state.interrupt(Shutdown::Both);
        }
        state
    }

    fn wake(&self) {
        // Solo fallaría con el contador a punto de desbordarse, y entonces ya está despierto.
        let _ = self.shared.wake.write(1);
    }

    /// Pone a cero el aviso: si no, el descriptor seguiría listo y el bucle no dormiría más.
    pub(super) fn clear_wake(&self) {
        let _ = self.shared.wake.read();
    }

    /// Un pánico con el cerrojo echado no dejaría nada a medias: cada cambio es de una línea.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Control {
    /// El descriptor que se vuelve legible cuando hay algo que mirar.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.shared.wake.as_fd()
    }
}

impl State {
    fn interrupt(&self, how: Shutdown) {
        for attended in self.attended.values() {
            attended.request.interrupt(how);
        }
    }

    /// Si `thread` es el que sirve o el de algún manejador.
    fn is_inside(&self, thread: ThreadId) -> bool {
        self.serving.is_some_and(|round| round.thread == thread)
            || self.attended.values().any(|attended| attended.thread == thread)
    }
}

/// Mientras existe, alguien sirve. Al descartarse avisa a quien esperaba en `shutdown`, también
/// si fue un pánico lo que terminó el bucle.
pub(super) struct Serving {
    control: Control,
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.control.lock().serving = None;
        self.control.shared.changed.notify_all();
    }
}

/// Mientras existe, el cliente está apuntado como atendido.
pub(super) struct Admission {
    control: Control,
    client: ClientId,
}

impl Drop for Admission {
    fn drop(&mut self) {
        let mut state = self.control.lock();
        state.attended.remove(&self.client);
        state.finished.push(self.client);
        if state.closing && state.attended.is_empty() {
            self.control.shared.changed.notify_all();
        }
        drop(state);
        self.control.wake();
    }
}

/// Llama a [`Control::shutdown`] al descartarse.
#[derive(Debug)]
#[must_use = "el servidor se para en cuanto se descarta"]
pub struct ShutdownOnDrop {
    control: Control,
}

impl Drop for ShutdownOnDrop {
    fn drop(&mut self) {
        self.control.shutdown();
    }
}
