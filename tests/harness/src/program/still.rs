//! Un servidor detenido un momento, para que después lo encuentre todo a la vez.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::activity::descendants;

/// Mientras vive, un proceso y los que arrancó están detenidos (`SIGSTOP`); al soltarlo, siguen.
#[derive(Debug)]
pub(crate) struct Still(Vec<Pid>);

impl Still {
    /// Detiene a ese proceso y a los suyos. Los que ya no existan, o no se dejen, siguen como estaban.
    pub(crate) fn new(pid: u32) -> Self {
        let mut all = vec![pid.cast_signed()];
        all.extend(descendants(pid.cast_signed()));
        let stops = |pid: &Pid| kill(*pid, Signal::SIGSTOP).is_ok();
        Self(all.into_iter().map(Pid::from_raw).filter(stops).collect())
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        for pid in &self.0 {
            let _ = kill(*pid, Signal::SIGCONT);
        }
    }
}
