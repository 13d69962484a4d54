//! Saber si un proceso duerme, según el núcleo (`/proc/PID/status`, proc(5)).

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

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
    naps: u64,
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
    let report = report(running)?;
    Ok((number(&report, "VmData")?, number(&report, "VmRSS")?))
}

fn status(running: &Running) -> Result<Status, Failure> {
    let report = report(running)?;
    let asleep = field(&report, "State")?.starts_with('S');
    Ok(Status { asleep, naps: number(&report, "voluntary_ctxt_switches")? })
}

fn report(running: &Running) -> Result<String, Failure> {
    fs::read_to_string(format!("/proc/{}/status", running.pid()))
        .map_err(|error| running.explain(error.into()))
}

fn number(report: &str, name: &str) -> Result<u64, Failure> {
    let value = field(report, name)?;
    let digits = value.split_whitespace().next().unwrap_or_default();
    digits.parse().map_err(|_| Failure::new(format!("El núcleo dice «{name}: {value}».")))
}

fn field<'a>(report: &'a str, name: &str) -> Result<&'a str, Failure> {
    let mut fields = report.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(field, _)| *field == name);
    // Un proceso que ha terminado y nadie ha recogido no tiene memoria de la que hablar.
    found.map(|(_, value)| value.trim()).ok_or_else(|| {
        Failure::new(format!("El núcleo no dice «{name}» del proceso: ¿ha terminado?"))
    })
}
