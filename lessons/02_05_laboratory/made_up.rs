//! Experimentos inventados, para las pruebas: sus cifras son las que cada prueba dice, y siempre las
//! mismas. Lo que se mide de verdad, en una prueba, sale distinto cada vez.

use crate::engines::Engine;
use crate::machine::Machine;
use crate::plan::Plan;
use crate::results::{Case, Kind, Limit, Report, Row};
use crate::web::OURS;

/// Una máquina tranquila, de la que no hay nada que avisar.
pub(crate) fn machine() -> Machine {
    Machine {
        processor: "Procesador de ejemplo".into(),
        cores: 4,
        memory_mib: 8192,
        kernel: "6.1".into(),
        descriptors: 20_000,
        governor: String::new(),
        on_battery: false,
    }
}

/// Los motores, cuando `cost` y `memory` dicen los nanosegundos y los bytes de cada caso.
pub(crate) fn engines(cost: impl Fn(&Case) -> f64, memory: impl Fn(&str) -> f64) -> Report {
    let mut report = Report::new(Kind::Engines, "cargo lab", machine(), 3);
    let plan = Plan::usual();
    report.date = "2026-01-31 09:30".into();
    (report.few, report.rate) = (plan.few, plan.rate);
    report.complete = true;
    report.select_limit = Some(Limit { served: 1016, tried: 1100 });
    report.rows = plan.cases().into_iter().map(|(_, case)| Row::new(case)).collect();
    for row in &mut report.rows {
        for noise in [0.99, 1.0, 1.01] {
            let cpu_ns = cost(&row.case) * noise;
            row.add(vec![
                ("cpu_ns", cpu_ns),
                ("messages_per_second", 1e9 / cpu_ns),
                ("p50_us", 20.0 * noise),
                ("p99_us", 50.0 * noise),
                ("p999_us", 90.0 * noise),
                ("late_us", 0.0),
                ("unanswered", 0.0),
                ("bytes_per_connection", memory(&row.case.who)),
                ("calls", 2.0),
                ("wakeups", 1.0),
                ("switches", 0.0),
                ("generator_busy", 0.0),
                ("threads", 1.0),
            ]);
        }
    }
    report
}

pub(crate) fn usual() -> Report {
    engines(usual_cost, usual_memory)
}

/// Lo que suele gastar cada uno: select y poll preguntan por todos, los demás no.
pub(crate) fn usual_cost(case: &Case) -> f64 {
    let idle = u32::try_from(case.connections - case.active).map_or(f64::MAX, f64::from);
    match case.who.as_str() {
        "select" | "poll" => 4000.0 + 12.0 * idle,
        "hilos" => 9000.0,
        "flanco" => 5000.0,
        _ => 4000.0,
    }
}

/// Lo que suele ocupar cada conexión.
pub(crate) fn usual_memory(who: &str) -> f64 {
    if who == Engine::Threads.name() { 10_000.0 } else { 100.0 }
}

/// El mismo experimento, con otra cifra en una medida de `who`, o de todos si no se dice de quién.
pub(crate) fn with(
    mut report: Report,
    who: &str,
    key: &str,
    change: impl Fn(&Case) -> f64,
) -> Report {
    for row in report.rows.iter_mut().filter(|row| who.is_empty() || row.case.who == who) {
        if let Some(values) = row.values.get_mut(key) {
            values.fill(change(&row.case));
        }
    }
    report
}

/// La web y un rival que gasta el doble.
pub(crate) fn web() -> Report {
    let mut report = Report::new(Kind::Web, "cargo lab web", machine(), 3);
    report.complete = true;
    for (who, ns) in [(OURS, 4000.0), ("nginx", 8000.0)] {
        let mut row = Row::new(Case::new(who, 64, 64));
        for noise in [0.99, 1.0, 1.01] {
            row.add(vec![("plain_ns", ns * noise), ("pipelined_ns", ns / 10.0)]);
        }
        row.add(vec![("bytes_per_connection", 430.0)]);
        report.rows.push(row);
    }
    report
}

pub(crate) fn chat() -> Report {
    let mut report = Report::new(Kind::Chat, "cargo lab chat", machine(), 3);
    report.complete = true;
    for (who, clients, ns) in [
        ("aplic_02_03", 10, 340.0),
        ("redis", 10, 670.0),
        ("aplic_02_03", 100, 110.0),
        ("redis", 100, 190.0),
    ] {
        let mut row = Row::new(Case::new(who, clients, 8));
        for noise in [1.0, 1.05, 1.1] {
            row.add(vec![
                ("cpu_ns", ns * noise),
                ("deliveries_per_second", 1e9 / ns),
                ("generator_busy", 0.5),
            ]);
        }
        report.rows.push(row);
    }
    report
}
