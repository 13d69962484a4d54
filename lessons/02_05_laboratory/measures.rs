//! Las medidas: cada columna de un experimento, con su nombre y lo que hace falta para no leerla mal.

use crate::wording::{bytes, microseconds, nanoseconds, number, whole};

/// Una medida.
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
    /// Nunca.
    Never,
    /// Cuando el generador llena su procesador: es un mínimo, «≥».
    GeneratorFull,
    /// Cuando el generador envía tarde: es un máximo, «≤».
    GeneratorLate,
}

/// Conexiones sin las que su memoria no dice nada: las primeras caben en páginas que el programa ya
/// había tocado.
pub(crate) const MANY: usize = 1000;

/// Una medida corriente, a la que solo le falta el nombre.
const PLAIN: Measure = Measure {
    key: "",
    name: "",
    read: number,
    bound: Bound::Never,
    from: 0,
    drift: 1.15,
    fragile: false,
};

pub(crate) static CPU: Measure =
    Measure { key: "cpu_ns", name: "procesador por mensaje", read: nanoseconds, ..PLAIN };
pub(crate) static RATE: Measure = Measure {
    key: "messages_per_second",
    name: "mensajes por segundo",
    bound: Bound::GeneratorFull,
    drift: 1.2,
    fragile: true,
    ..PLAIN
};
pub(crate) static HALF: Measure = Measure {
    key: "p50_us",
    name: "espera p50",
    read: microseconds,
    drift: 2.0,
    fragile: true,
    ..PLAIN
};
/// La espera que 99 de cada 100 mensajes no alcanzan.
pub(crate) static TAIL: Measure =
    Measure { key: "p99_us", name: "espera p99", bound: Bound::GeneratorLate, drift: 3.0, ..HALF };
/// De la más rara de las esperas no se sabe tanto como para comparar dos ejecuciones.
pub(crate) static EXTREME: Measure =
    Measure { key: "p999_us", name: "espera p99,9", drift: f64::INFINITY, ..TAIL };
pub(crate) static CALLS: Measure =
    Measure { key: "calls", name: "llamadas al sistema por mensaje", ..PLAIN };
pub(crate) static WAKEUPS: Measure =
    Measure { key: "wakeups", name: "despertares por mensaje", drift: f64::INFINITY, ..PLAIN };
pub(crate) static SWITCHES: Measure = Measure {
    key: "switches",
    name: "cambios de contexto por mensaje",
    drift: f64::INFINITY,
    ..PLAIN
};
pub(crate) static MEMORY: Measure = Measure {
    key: "bytes_per_connection",
    name: "memoria por conexión",
    read: bytes,
    from: MANY,
    ..PLAIN
};
pub(crate) static THREADS: Measure =
    Measure { key: "threads", name: "hilos", read: whole, ..PLAIN };

pub(crate) static ENGINES: [&Measure; 10] =
    [&CPU, &RATE, &HALF, &TAIL, &EXTREME, &CALLS, &WAKEUPS, &SWITCHES, &MEMORY, &THREADS];

pub(crate) static PLAIN_REQUEST: Measure =
    Measure { key: "plain_ns", name: "procesador por petición, una a una", ..CPU };
pub(crate) static PIPELINED: Measure =
    Measure { key: "pipelined_ns", name: "procesador por petición, encadenadas", ..CPU };
pub(crate) static IDLE_MEMORY: Measure =
    Measure { name: "memoria por conexión callada", from: 0, ..MEMORY };
pub(crate) static WEB: [&Measure; 3] = [&PLAIN_REQUEST, &PIPELINED, &IDLE_MEMORY];

pub(crate) static DELIVERY: Measure = Measure { name: "procesador por entrega", ..CPU };
pub(crate) static DELIVERIES: Measure =
    Measure { key: "deliveries_per_second", name: "entregas por segundo", ..RATE };
pub(crate) static CHAT: [&Measure; 2] = [&DELIVERY, &DELIVERIES];
