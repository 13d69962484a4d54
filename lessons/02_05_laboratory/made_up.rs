//! Experimentos inventados, para las pruebas: los datos son los que se digan, y siempre los mismos.

use crate::engines::Engine;
use crate::machine::Machine;
use crate::plan::{Case, Plan};
use crate::results::{Counts, Limit, Report, Run};

/// Un experimento en el que `cost` y `memory` dicen los nanosegundos y los bytes de cada caso.
pub(crate) fn made_up(cost: impl Fn(Case) -> f64, memory: impl Fn(Engine) -> f64) -> Report {
    let machine = Machine {
        processor: "Procesador de ejemplo".into(),
        cores: 4,
        memory_mib: 8192,
        kernel: "6.1".into(),
        descriptors: 20_000,
        governor: String::new(),
    };
    let mut report = Report::new("2026-01-31 09:30".into(), machine, Plan::usual());
    report.complete = true;
    report.select_limit = Some(Limit { served: 1016, tried: 1100 });
    for point in &mut report.points {
        for noise in [0.99, 1.0, 1.01] {
            let cpu_ns = cost(point.case) * noise;
            point.runs.push(Run {
                cpu_ns,
                messages_per_second: 1e9 / cpu_ns,
                p50_us: 20.0 * noise,
                p99_us: 50.0 * noise,
                p999_us: 90.0 * noise,
                bytes_per_connection: memory(point.case.engine),
                counts: Some(Counts { calls: 2.0, wakeups: 1.0, switches: 0.0 }),
                threads: 1,
                ..Run::default()
            });
        }
    }
    report
}

/// Lo que suele verse: select y poll preguntan por todos, los demás no.
pub(crate) fn usual_cost(case: Case) -> f64 {
    let idle = u32::try_from(case.connections - case.active).map_or(f64::MAX, f64::from);
    match case.engine {
        Engine::Select | Engine::Poll => 4000.0 + 12.0 * idle,
        Engine::Threads => 9000.0,
        Engine::Epoll | Engine::Uring => 4000.0,
        Engine::Edge => 4500.0,
    }
}

/// Lo que suele ocupar cada conexión.
pub(crate) fn usual_memory(engine: Engine) -> f64 {
    if engine == Engine::Threads { 10_000.0 } else { 100.0 }
}
