//! Las medidas: cada columna de un experimento, con su nombre y lo que hace falta para no leerla mal.

use crate::wording::{bytes, microseconds, nanoseconds, number, whole};

#[derive(Debug)]
pub(crate) struct Measure {
    /// Cómo se llama en los datos.
    pub(crate) key: &'static str,
    /// Cómo se llama en las tablas.
    pub(crate) name: &'static str,
    /// Cómo se lee una de sus cifras.
    pub(crate) read: fn(f64) -> String,
    /// Cuándo la cifra es solo un tope.
    pub(crate) bound: Bound,
    /// Conexiones a partir de las cuales dice algo.
    pub(crate) from: usize,
    /// Cuántas veces mayor puede salir sin que nada haya cambiado, de una ejecución a otra del mismo
    /// código en la misma máquina. Infinito si dos ejecuciones no se pueden comparar.
    pub(crate) drift: f64,
    /// Si depende de que los demás programas dejen el procesador libre.
    pub(crate) fragile: bool,
}

/// Cuándo la cifra la puso el generador, y la del servidor es mejor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    Never,
    /// Cuando el generador llena su procesador: es un mínimo, «≥».
    GeneratorFull,
    /// Cuando el generador envía tarde: es un máximo, «≤».
    GeneratorLate,
}

/// Conexiones sin las que su memoria no dice nada: las primeras caben en páginas que el programa ya
/// había tocado.
pub(crate) const MANY: usize = 1000;

/// Una medida corriente.
const fn plain(key: &'static str, name: &'static str, read: fn(f64) -> String) -> Measure {
    Measure { key, name, read, bound: Bound::Never, from: 0, drift: 1.15, fragile: false }
}

/// Una de la que dos ejecuciones no se pueden comparar.
const fn loose(key: &'static str, name: &'static str) -> Measure {
    Measure { drift: f64::INFINITY, ..plain(key, name, number) }
}

/// Lo que cabe en un segundo: depende de que quede procesador.
const fn rate(key: &'static str, name: &'static str) -> Measure {
    let bound = Bound::GeneratorFull;
    Measure { bound, drift: 1.2, fragile: true, ..plain(key, name, number) }
}

/// Una espera, de las que `drift` dice cuánto cambian solas.
const fn wait(key: &'static str, name: &'static str, bound: Bound, drift: f64) -> Measure {
    Measure { bound, drift, fragile: true, ..plain(key, name, microseconds) }
}

pub(crate) static CPU: Measure = plain("cpu_ns", "procesador por mensaje", nanoseconds);
pub(crate) static RATE: Measure = rate("messages_per_second", "mensajes por segundo");
pub(crate) static HALF: Measure = wait("p50_us", "espera p50", Bound::Never, 2.0);
pub(crate) static TAIL: Measure = wait("p99_us", "espera p99", Bound::GeneratorLate, 3.0);
static EXTREME: Measure = wait("p999_us", "espera p99,9", Bound::GeneratorLate, f64::INFINITY);
pub(crate) static CALLS: Measure = plain("calls", "llamadas al sistema por mensaje", number);
static WAKEUPS: Measure = loose("wakeups", "despertares por mensaje");
pub(crate) static SWITCHES: Measure = loose("switches", "cambios de contexto por mensaje");
pub(crate) static MEMORY: Measure =
    Measure { from: MANY, ..plain("bytes_per_connection", "memoria por conexión", bytes) };
pub(crate) static THREADS: Measure = plain("threads", "hilos", whole);
pub(crate) static ENGINES: [&Measure; 10] =
    [&CPU, &RATE, &HALF, &TAIL, &EXTREME, &CALLS, &WAKEUPS, &SWITCHES, &MEMORY, &THREADS];

pub(crate) static PLAIN_REQUEST: Measure =
    plain("plain_ns", "procesador por petición, una a una", nanoseconds);
pub(crate) static PIPELINED: Measure =
    plain("pipelined_ns", "procesador por petición, encadenadas", nanoseconds);
pub(crate) static IDLE_MEMORY: Measure =
    plain("bytes_per_connection", "memoria por conexión callada", bytes);
pub(crate) static WEB: [&Measure; 3] = [&PLAIN_REQUEST, &PIPELINED, &IDLE_MEMORY];

pub(crate) static DELIVERY: Measure = plain("cpu_ns", "procesador por entrega", nanoseconds);
pub(crate) static DELIVERIES: Measure = rate("deliveries_per_second", "entregas por segundo");
pub(crate) static HOP: Measure = wait("hop_us", "un mensaje solo", Bound::Never, 2.0);
pub(crate) static CHAT: [&Measure; 3] = [&DELIVERY, &DELIVERIES, &HOP];
