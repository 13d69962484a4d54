//! Lo que se permite a quien compila o ejecuta código de otra persona.

use std::time::Duration;

/// La carpeta donde se puede escribir tras el muro, que también es la personal.
pub(super) const DESK: &str = "/tmp";

const MIB: u64 = 1 << 20;

/// Lo que se permite a una orden, entre todos sus procesos.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Lo que puede durar.
    pub(super) time: Duration,
    /// Memoria, en bytes.
    pub(super) memory: u64,
    /// Procesos e hilos.
    pub(super) processes: u64,
    /// Lo que cabe en su carpeta, en bytes; y cada archivo, como mucho, lo mismo.
    pub(super) disk: u64,
}

impl Allowance {
    /// Para compilar un ejercicio: rustc y el enlazador necesitan alrededor de 400 MiB.
    pub(super) const BUILD: Allowance = Allowance {
        time: Duration::from_secs(60),
        memory: 2048 * MIB,
        processes: 128,
        disk: 512 * MIB,
    };

    /// Para pasar sus pruebas.
    pub(super) const RUN: Allowance = Allowance {
        time: Duration::from_secs(60),
        memory: 1024 * MIB,
        processes: 1024,
        disk: 64 * MIB,
    };

    /// Para algo que se hace en un momento.
    pub(super) const GLIMPSE: Allowance =
        Allowance { time: Duration::from_secs(5), processes: 32, ..Allowance::RUN };

    /// Los mismos, para cada proceso, en palabras de prlimit(1). Los procesos solo se cuentan tras el
    /// muro: fuera se contarían los de quien califica.
    pub(super) fn limits(&self, walled: bool) -> Vec<String> {
        // La memoria virtual es siempre más que la que se ocupa: hilos, bibliotecas, lo reservado.
        let mut words = vec![format!("--as={}", self.memory * 3), "--core=0".to_owned()];
        words.push(format!("--fsize={}", self.disk));
        words.push(format!("--cpu={}", 4 * self.time.as_secs()));
        if walled {
            words.push(format!("--nproc={}", self.processes));
        }
        words
    }
}

/// Lo que se agotó.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Resource {
    Time,
    Memory,
    Processes,
    Disk,
}
