//! Saber si un proceso duerme, según el núcleo (proc(5)).

use std::thread;
use std::time::{Duration, Instant};

use harness::procfs::process::Process;
use harness::{Failure, Running};

use crate::{LIMIT, Outcome};

/// Cada cuánto se mira mientras se espera a que se duerma.
const GLANCE: Duration = Duration::from_millis(5);

/// Lo que se espera, cuando solo importa que haya terminado lo que hacía.
const NAP: Duration = Duration::from_millis(15);

/// Lo que el núcleo cuenta de un proceso en un instante.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Status {
    /// Si espera a que algo lo despierte.
    asleep: bool,
    /// Las veces que ha dejado el procesador por propia voluntad: para esperar.
    naps: Option<u64>,
}

/// Comprueba que el proceso llega a dormir `span` de un tirón.
///
/// Dormido al empezar y al acabar, y sin haberse vuelto a dormir en medio: entonces no despertó
/// ni una vez. Quien da vueltas no aparece dormido; quien se despierta cada poco no lo consigue.
pub(crate) fn sleeps_through(running: &Running, span: Duration) -> Outcome {
    let started = Instant::now();
    let (mut before, mut since) = (status(running)?, Instant::now());
    loop {
        thread::sleep(GLANCE);
        let now = status(running)?;
        if !now.asleep || now != before {
            (before, since) = (now, Instant::now());
        } else if since.elapsed() >= span {
            return Ok(());
        }
        if started.elapsed() > LIMIT {
            let headline = format!("El proceso no llegó a dormir {span:?} seguidos: {now:?}.");
            return Err(running.explain(Failure::new(headline)));
        }
    }
}

/// Espera a que el proceso haya atendido lo que le llegó y vuelva a dormir.
///
/// Por loopback, lo enviado suele estar ya en el otro socket cuando `send(2)` vuelve, y quien
/// tiene algo que leer no consta como dormido. Con la máquina ocupada, el núcleo puede dejarlo
/// para luego: sirve para separar dos pasos, no para dar el primero por hecho.
pub(crate) fn settles(running: &Running) -> Outcome {
    sleeps_through(running, NAP)
}

/// Memoria en KiB: la reservada para datos (`VmData`) y la ocupada de verdad (`VmRSS`).
pub(crate) fn memory(running: &Running) -> Result<(u64, u64), Failure> {
    let status = running.ask_kernel(Process::status)?;
    // Un proceso que ha terminado y nadie ha recogido no tiene memoria de la que hablar.
    status.vmdata.zip(status.vmrss).ok_or_else(|| {
        Failure::new("El núcleo no dice cuánta memoria tiene el proceso: ¿ha terminado?")
    })
}

fn status(running: &Running) -> Result<Status, Failure> {
    let status = running.ask_kernel(Process::status)?;
    Ok(Status { asleep: status.state.starts_with('S'), naps: status.voluntary_ctxt_switches })
}
