//! Un servidor detenido un momento, para que después lo encuentre todo a la vez.

use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill};
use nix::unistd::Pid;

use super::family::family;

/// Mientras vive, unos procesos y los que arrancaron están detenidos (`SIGSTOP`); al soltarlo, siguen.
#[derive(Debug)]
pub(crate) struct Still {
    stopped: Vec<Pid>,
    /// Las señales que ya estaban bloqueadas en este hilo.
    blocked: Option<SigSet>,
}

impl Still {
    /// Detiene a esos procesos y a los suyos. Los que ya no existan, o no se dejen, siguen como estaban.
    ///
    /// Un Ctrl-C a este programa espera a que sigan: si no, quedarían detenidos para siempre.
    pub(crate) fn new(heads: &[u32]) -> Self {
        let ends = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
        let blocked = SigSet::from_iter(ends).thread_swap_mask(SigmaskHow::SIG_BLOCK).ok();
        let stops = |pid: &Pid| kill(*pid, Signal::SIGSTOP).is_ok();
        let stopped = family(heads).into_iter().map(Pid::from_raw).filter(stops).collect();
        Self { stopped, blocked }
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        for pid in &self.stopped {
            let _ = kill(*pid, Signal::SIGCONT);
        }
        if let Some(blocked) = &self.blocked {
            let _ = blocked.thread_set_mask();
        }
    }
}
