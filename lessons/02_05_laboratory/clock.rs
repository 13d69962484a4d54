//! El reloj de procesador: cuánto ha trabajado un proceso, en nanosegundos.
//!
//! Los 10 ms de `/proc/PID/stat` son demasiado gruesos para contar microsegundos. El núcleo lleva
//! la cuenta exacta de cada proceso, con todos sus hilos, también los que ya terminaron, y la da
//! como un reloj más (clock_getcpuclockid(3)).

use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Procesador que ha usado el proceso `pid`.
pub(crate) fn of_process(pid: Pid) -> io::Result<Duration> {
    Ok(clock_gettime(clock_getcpuclockid(pid)?)?.into())
}

/// Procesador que ha usado el hilo que pregunta.
pub(crate) fn this_thread() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::process::Command;
    use std::thread;

    #[test]
    fn cuenta_también_los_hilos_que_ya_terminaron() {
        let before = of_process(Pid::this()).unwrap();
        let used = thread::spawn(|| {
            let start = this_thread();
            while this_thread() < start + Duration::from_millis(5) {
                black_box((0..1000).sum::<u64>());
            }
            this_thread().saturating_sub(start)
        });
        let used = used.join().unwrap();
        let counted = of_process(Pid::this()).unwrap().saturating_sub(before);
        assert!(counted >= used, "{counted:?} < {used:?}");
    }

    #[test]
    fn de_un_proceso_que_terminó_no_hay_reloj() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        child.wait().unwrap();
        assert!(of_process(pid).is_err());
    }
}
