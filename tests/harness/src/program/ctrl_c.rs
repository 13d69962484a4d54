//! Ctrl-C, como lo envía una terminal: a los procesos de un programa, y no solo al primero.

use std::net::SocketAddr;

use nix::sys::signal::Signal;
use procfs::process::{Process, Status};

use super::Running;
use super::family::{family, group, listeners_among};
use crate::failure::Failure;
use crate::waiting::{DEFAULT_LIMIT, poll};

/// A quién llega Ctrl-C, y quién se queda para más tarde.
#[derive(Debug, PartialEq, Eq)]
struct Reach {
    now: Vec<i32>,
    later: Vec<i32>,
}

impl Reach {
    /// A todos los del grupo. Pero si el servidor lo arrancó otro del grupo (un guion, `npm`, `go run`),
    /// primero al servidor y a los que arrancó él: quien lo espera acaba cuando él y con su código, y
    /// la señal no le dejaría decirlo.
    fn of(pid: i32, address: SocketAddr) -> Self {
        let all = group(pid);
        let own = match listeners_among(&all, address)[..] {
            [server] if !ignores_ctrl_c(server) => family(&[server]),
            _ => all.clone(),
        };
        let (now, later) = all.into_iter().partition(|pid| own.contains(pid));
        Self { now, later }
    }
}

/// Si no hace caso de SIGINT: quien ha de terminarlo es otro.
fn ignores_ctrl_c(pid: u32) -> bool {
    let status = Process::new(pid.cast_signed()).and_then(|process| process.status());
    // Una señal bloqueada no se pierde aunque se ignore: puede leerla de un signalfd(2).
    let ignored = |status: Status| status.sigign & !status.sigblk;
    status.is_ok_and(|status| ignored(status) & (1 << (Signal::SIGINT as i32 - 1)) != 0)
}

impl Running {
    /// Pulsa Ctrl-C; el servidor es quien escucha en `address`. Devuelve a quiénes no llegó aún.
    pub(crate) fn press_ctrl_c(&self, address: SocketAddr) -> Result<Vec<i32>, Failure> {
        let reach = Reach::of(self.pid().cast_signed(), address);
        self.signal_all(Signal::SIGINT, &reach.now)?;
        Ok(reach.later)
    }

    /// Si a mitad del plazo no ha terminado, les llega también a esos.
    pub(crate) fn insist_on_ctrl_c(&self, later: &[i32]) {
        let ended = || (!self.is_alive()).then_some(());
        if !later.is_empty() && poll(DEFAULT_LIMIT / 2, ended).is_none() {
            // Si acaba de terminar, no hace falta.
            let _ = self.signal_all(Signal::SIGINT, later);
        }
    }
}
