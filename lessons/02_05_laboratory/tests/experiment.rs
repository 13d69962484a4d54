//! El laboratorio de verdad, en pequeño: procesos, sockets y veredictos.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::path::PathBuf;
use std::process::Command;

use laboratorio::cores::Cores;
use laboratorio::engines::Engine;
use laboratorio::measure::Laboratory;
use laboratorio::plan::Plan;
use laboratorio::report::{experiment as report_page, terminal};
use laboratorio::results::{Report, json};
use laboratorio::verdict::{Answer, Growth, growth, verdicts};
use multiplexacion::stop::Stop;

fn laboratory(hindered: Option<Engine>) -> Laboratory {
    Laboratory {
        program: PathBuf::from(env!("CARGO_BIN_EXE_lab")),
        uring: None,
        cores: Cores::split().unwrap(),
        hindered,
    }
}

/// Ratos de milisegundos: bastan para saber que todo llega, y para lo que cuesta cien veces más.
fn tiny(engines: &[Engine], idle: &[usize]) -> Plan {
    Plan {
        order: "prueba".into(),
        engines: engines.into(),
        idle: idle.into(),
        busy: Vec::new(),
        active: 2,
        repeats: 1,
        burst_ms: 40,
        paced_ms: 20,
        rate: 500,
    }
}

fn experiment(hindered: Option<Engine>, plan: Plan) -> Report {
    harness::raise_descriptor_limit();
    let stop = Stop::on_signals().unwrap();
    laboratory(hindered).experiment(plan, &stop, |_| ())
}

#[test]
fn cada_motor_se_mide_y_el_informe_los_nombra() {
    let report = experiment(None, tiny(&Engine::OURS, &[2, 100]));
    assert!(report.complete);
    for point in &report.points {
        let case = point.case;
        assert_eq!(point.trouble, None, "{case:?}");
        let run = point.runs[0];
        assert!(run.messages_per_second > 0.0 && run.cpu_ns > 0.0, "{case:?}: {run:?}");
        // Leer y escribir cada mensaje; y, salvo con hilos, alguna espera.
        let at_least = if case.engine == Engine::Threads { 1.99 } else { 2.0 };
        assert!(run.count(|counts| counts.calls) >= at_least, "{case:?}: {run:?}");
        assert!(run.p50_us <= run.p99_us && run.p99_us <= run.p999_us, "{case:?}");
        if case.engine == Engine::Threads {
            assert!(run.count(|counts| counts.wakeups) > 0.9, "{case:?}: {run:?}");
        }
        // La pila de un hilo, en páginas; de lo que ocupa cada conexión, y no entre las activas.
        if case.engine == Engine::Threads && case.connections == 100 {
            assert!((4096.0..100_000.0).contains(&run.bytes_per_connection), "{run:?}");
        }
        // Con hilos, el principal, el que acepta y uno por cliente; puede quedar el de quien probó.
        let clients = if case.engine == Engine::Threads { case.connections as u64 + 1 } else { 0 };
        assert!((clients + 1..=clients + 2).contains(&run.threads), "{case:?}: {run:?}");
    }
    let text = terminal::text(&report);
    let page = report_page::page(&report);
    for engine in Engine::OURS {
        assert!(text.contains(engine.name()) && page.contains(engine.name()), "{engine}");
    }
    assert!(page.contains("<svg") && page.ends_with("</html>\n"));
    assert!(!text.contains('\u{1b}'), "sin terminal no hay colores");
}

#[test]
fn select_se_detiene_antes_de_las_1024() {
    let report = experiment(None, tiny(&[Engine::Select], &[2]));
    let limit = report.select_limit.unwrap();
    assert!(limit.tried > 1024, "esta prueba necesita 1200 descriptores (ulimit -Hn): {limit:?}");
    assert!(limit.served < 1024 && limit.served > 1000, "{limit:?}");
}

#[test]
fn estropear_epoll_a_propósito_cambia_el_veredicto() {
    // Estorbado, hace una llamada al sistema por cada cliente en cada vuelta: mil conexiones
    // cuestan decenas de veces más que dos, con las máquinas ocupadas o sin ellas.
    // Tres veces y la mediana: en un rato corto, quizá toque esperar al procesador.
    let plan = || Plan { repeats: 3, burst_ms: 100, ..tiny(&[Engine::Epoll], &[2, 1000]) };
    let worse = experiment(Some(Engine::Epoll), plan());
    let found = growth(&worse, Engine::Epoll);
    assert!(matches!(found, Some(Growth::Linear(_))), "{found:?}: {:#?}", worse.points);
    let question = |report: &Report| {
        let all = verdicts(report);
        all.iter().find(|verdict| verdict.question.contains("crece el costo")).unwrap().answer
    };
    assert_eq!(question(&worse), Answer::Fails);
    // Y sus llamadas lo delatan: al de verdad le bastan unas pocas por mensaje.
    let sound = experiment(None, plan());
    let calls = |report: &Report| report.points[1].runs[0].count(|counts| counts.calls);
    assert!(calls(&sound) < 5.0 && calls(&worse) > 100.0);
}

#[test]
fn las_repeticiones_van_una_vez_hacia_delante_y_otra_hacia_atrás() {
    let stop = Stop::on_signals().unwrap();
    let plan = Plan { repeats: 2, burst_ms: 5, ..tiny(&[Engine::Epoll], &[2, 3]) };
    let mut order = Vec::new();
    laboratory(None).experiment(plan, &stop, |progress| {
        order.extend(progress.case.map(|case| case.connections));
    });
    assert_eq!(order, [2, 3, 3, 2]);
}

#[test]
fn una_parada_a_la_mitad_deja_un_informe_que_lo_dice() {
    let stop = Stop::on_signals().unwrap();
    let plan = tiny(&[Engine::Epoll], &[2, 3, 4]);
    let mut measured = 0;
    let report = laboratory(None).experiment(plan, &stop, |_| {
        measured += 1;
        if measured == 2 {
            // A este hilo, que es quien tiene la señal apartada.
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGINT).unwrap();
        }
    });
    assert!(!report.complete);
    assert_eq!(report.points.iter().filter(|point| !point.runs.is_empty()).count(), 2);
    assert!(terminal::text(&report).contains("INFORME A MEDIAS"));
    assert!(report_page::page(&report).contains("Informe a medias"));
}

#[test]
fn un_motor_que_no_arranca_se_dice_una_vez_y_no_impide_medir_los_demás() {
    let report = experiment(None, tiny(&[Engine::Epoll, Engine::Uring], &[2, 3]));
    assert!(report.complete);
    assert_eq!(report.engines(), [Engine::Epoll]);
    let about: Vec<&String> =
        report.warnings.iter().filter(|warning| warning.contains("uring")).collect();
    assert_eq!(about.len(), 1, "{about:?}");
    assert!(about[0].ends_with("de este motor no hay cifras."), "{about:?}");
}

/// Un motor que termina tras su primera cuenta, cuando más mensajes tiene en camino.
fn short_lived() -> Laboratory {
    let script = std::env::temp_dir().join(format!("lab-efimero-{}", std::process::id()));
    let order = format!("#!/bin/sh\nhead -n 1 | '{}' \"$@\"\n", env!("CARGO_BIN_EXE_lab"));
    // Lo escribe otro proceso: si lo que arrancan las demás pruebas heredara un archivo a medio
    // escribir, no se podría ejecutar (ETXTBSY, execve(2)).
    let mut write = Command::new("sh");
    write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod 700 \"$0\""]).arg(&script).arg(order);
    assert!(write.status().unwrap().success());
    Laboratory { program: script, ..laboratory(None) }
}

#[test]
fn un_motor_que_termina_a_la_mitad_no_deja_cifras_y_se_dice() {
    let laboratory = short_lived();
    let stop = Stop::on_signals().unwrap();
    let plan = Plan { burst_ms: 2000, ..tiny(&[Engine::Epoll], &[2]) };
    let report = laboratory.experiment(plan, &stop, |_| ());
    std::fs::remove_file(&laboratory.program).unwrap();
    assert!(report.is_empty());
    assert_eq!(report.points[0].trouble.as_deref(), Some("terminó mientras se medía"));
    let warning = "Con 2 conexiones (2 activas), epoll terminó mientras se medía: de este motor no hay cifras.";
    assert!(report.warnings.iter().any(|said| said == warning), "{:?}", report.warnings);
}

#[test]
fn un_informe_guardado_se_lee_igual() {
    let report = experiment(None, tiny(&[Engine::Epoll], &[2]));
    let path = std::env::temp_dir().join(format!("laboratorio-{}.json", std::process::id()));
    std::fs::write(&path, json(&report).unwrap()).unwrap();
    let again = Report::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(terminal::text(&again), terminal::text(&report));
}
