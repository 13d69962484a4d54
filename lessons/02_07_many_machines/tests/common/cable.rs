//! El cable entre un servidor y su intermediario, que se puede estropear.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::Failure;

/// La orden con la que se lee del canal.
const READ: &[u8] = b"XREAD";

/// Lleva bytes de un lado a otro, como haya que llevarlos en cada momento.
pub(crate) struct Cable {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    damage: Option<Damage>,
    /// Cuántas cosas se están retrasando.
    late: usize,
    ends: Vec<TcpStream>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Damage {
    /// Las peticiones llegan; las respuestas, no.
    Deaf,
    /// Las peticiones se retrasan; por las conexiones que se abran desde entonces, no.
    Late,
    /// Lo que se lee del canal se retrasa; lo que se pide y se contesta, no.
    Behind,
    /// No llega nada, y no se puede conectar.
    Cut,
}

impl Cable {
    /// Uno que llega hasta `broker`.
    pub(crate) fn to(broker: SocketAddr) -> Result<Cable, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for server in listener.incoming().flatten() {
                // Quien se conecta con el cable cortado ve que se corta.
                let _ = join(server, broker, &shared);
            }
        });
        Ok(Cable { address, state })
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Desde ahora, las respuestas se pierden.
    pub(crate) fn deafen(&self) {
        lock(&self.state).damage = Some(Damage::Deaf);
    }

    /// Desde ahora, las peticiones se retrasan; menos las que vayan por conexiones nuevas.
    pub(crate) fn delay(&self) {
        lock(&self.state).damage = Some(Damage::Late);
    }

    /// Desde ahora, lo que se lee del canal se retrasa.
    pub(crate) fn hold_channel(&self) {
        lock(&self.state).damage = Some(Damage::Behind);
    }

    /// Llega lo que se retrasaba. Devuelve si había algo.
    pub(crate) fn catch_up(&self) -> bool {
        let late = lock(&self.state).late > 0;
        lock(&self.state).damage = None;
        while lock(&self.state).late > 0 {
            thread::yield_now();
        }
        late
    }

    /// Se corta, con lo que hubiera dentro.
    pub(crate) fn cut(&self) {
        let mut state = lock(&self.state);
        state.damage = Some(Damage::Cut);
        for end in state.ends.drain(..) {
            close(&end);
        }
    }

    /// Vuelve a funcionar.
    pub(crate) fn mend(&self) {
        self.cut();
        lock(&self.state).damage = None;
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(server: TcpStream, broker: SocketAddr, state: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut ends = lock(state);
    if ends.damage == Some(Damage::Cut) {
        return Ok(());
    }
    let fresh = ends.damage == Some(Damage::Late);
    let broker = TcpStream::connect(broker)?;
    ends.ends.extend([server.try_clone()?, broker.try_clone()?]);
    let (requests, replies) = (Arc::clone(state), Arc::clone(state));
    let (from_server, to_broker) = (server.try_clone()?, broker.try_clone()?);
    let reading = Arc::new(AtomicBool::new(false));
    let reads = Arc::clone(&reading);
    thread::spawn(move || {
        carry(from_server, |bytes| {
            if bytes.windows(READ.len()).any(|some| some == READ) {
                reads.store(true, Ordering::Relaxed);
            }
            after(&requests, Damage::Late, !fresh, || (&to_broker).write_all(bytes))
        });
        close(&to_broker);
    });
    thread::spawn(move || {
        carry(broker, |bytes| {
            if is(&replies, Damage::Deaf) {
                return Ok(());
            }
            let behind = reading.load(Ordering::Relaxed);
            after(&replies, Damage::Behind, behind, || (&server).write_all(bytes))
        });
        close(&server);
    });
    Ok(())
}

/// Escribe; si a esto le toca esa avería, cuando ya no la haya.
fn after(
    state: &Mutex<State>,
    damage: Damage,
    concerned: bool,
    write: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let late = concerned && is(state, damage);
    lock(state).late += usize::from(late);
    while late && is(state, damage) {
        thread::sleep(Duration::from_millis(1));
    }
    let written = write();
    lock(state).late -= usize::from(late);
    written
}

fn is(state: &Mutex<State>, damage: Damage) -> bool {
    lock(state).damage == Some(damage)
}

/// Lee de un extremo hasta que se cierre, o hasta que no se pueda escribir en el otro.
fn carry(mut from: TcpStream, write: impl Fn(&[u8]) -> io::Result<()>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if write(&bytes[..count]).is_err() {
            break;
        }
    }
    close(&from);
}

fn close(end: &TcpStream) {
    // Si ya estaba cerrado, tanto da.
    let _ = end.shutdown(Shutdown::Both);
}
