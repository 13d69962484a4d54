//! Cómo se enseña lo medido de la web: en la terminal y en una página.

use std::fmt::Write;

use super::{OURS, Outcome, Server};
use crate::report::drawing::{Bar, Bars, Drawing, Pen};
use crate::report::page::{Page, figure, table};
use crate::report::terminal::{partial, warnings, wrap};
use crate::statistics::Spread;
use crate::wording::{bytes, connections, nanoseconds, number};

/// El cociente, ronda a ronda, entre lo que gasta `ours` y lo que gasta `theirs`.
fn ratio(ours: &[f64], theirs: &[f64]) -> Option<Spread> {
    Spread::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}

/// Lo medido, para leer.
pub fn text(outcome: &Outcome) -> String {
    let mut text = format!(
        "cargo lab web · {} UTC{}\n{}\n\n{}\n\n{:13}{:>11}{:>17}{:>12}{:>17}{:>10}\n",
        outcome.date,
        partial(outcome.complete),
        outcome.machine,
        wrap(&reading(outcome), 0),
        "",
        "una a una",
        "×",
        "encadenadas",
        "×",
        "memoria"
    );
    for server in &outcome.servers {
        let [name, plain, ratio, pipelined, other_ratio, memory] = cells(outcome, server);
        let _ = writeln!(
            text,
            "{name:13}{plain:>11}{ratio:>17}{pipelined:>12}{other_ratio:>17}{memory:>10}"
        );
    }
    let _ = writeln!(text, "\n{}", about_memory(outcome));
    text + &warnings(&outcome.warnings)
}

fn reading(outcome: &Outcome) -> String {
    format!(
        "Procesador por petición, con {} conexiones: de una en una, y de {} en {}. «×» es lo que gasta \
         {OURS} entre lo que gasta el otro: por debajo de 1, la lección gasta menos.",
        outcome.connections, outcome.depth, outcome.depth
    )
}

fn about_memory(outcome: &Outcome) -> String {
    format!("La memoria es por conexión callada, con {}.", connections(outcome.idle))
}

/// Lo de un servidor: su nombre, lo que gasta de cada manera con su cociente, y su memoria.
fn cells(outcome: &Outcome, server: &Server) -> [String; 6] {
    let ours = &outcome.servers[0];
    let median = |values: &[f64]| {
        Spread::of(values.iter().copied())
            .map_or("—".to_owned(), |spread| nanoseconds(spread.median))
    };
    let against = |ours: &[f64], theirs: &[f64]| match ratio(ours, theirs) {
        Some(Spread { median, low, high }) if server.name != OURS => {
            format!("{} ({}–{})", number(median), number(low), number(high))
        }
        _ => String::new(),
    };
    [
        server.name.clone(),
        median(&server.plain_ns),
        against(&ours.plain_ns, &server.plain_ns),
        median(&server.pipelined_ns),
        against(&ours.pipelined_ns, &server.pipelined_ns),
        server.bytes_per_connection.map_or("—".to_owned(), bytes),
    ]
}

/// Lo medido, en una página.
pub fn page(outcome: &Outcome) -> String {
    let mut body = String::new();
    for drawing in drawings(outcome) {
        body += &figure(&drawing, how_to_read(drawing.name));
    }
    let columns = ["servidor", "una a una", "×", "encadenadas", "×", "memoria por conexión"];
    let rows = outcome.servers.iter().map(|server| cells(outcome, server).into());
    body += &table("Todas las cifras", &columns, rows);
    Page {
        title: "Laboratorio: la web en esta máquina",
        heading: "La web de la lección 02_04, medida en esta máquina",
        order: "cargo lab web",
        date: &outcome.date,
        machine: &outcome.machine,
        reading: &format!(
            "{} {} Mediana de las rondas, y entre qué cuartiles se movió.",
            reading(outcome),
            about_memory(outcome)
        ),
        complete: outcome.complete,
        warnings: &outcome.warnings,
        body,
    }
    .html()
}

fn how_to_read(name: &str) -> &'static str {
    match name {
        "web-una" => {
            "Más corta es mejor, y el doble de larga es el doble. La mayor parte de cada barra es el viaje \
             por el núcleo, que hacen todos: lo que distingue a un programa de otro es lo que pasa de \
             «el suelo»."
        }
        "web-encadenadas" => {
            "El mismo viaje se reparte entre todas las de un envío, y queda a la vista lo que gasta el \
             programa."
        }
        _ => {
            "Lo que ocupa en el programa cada conexión que ya preguntó y calla; lo que el núcleo guarda \
             de cada socket va aparte."
        }
    }
}

/// Las gráficas: lo que cuesta una petición de cada manera, y una conexión callada.
pub fn drawings(outcome: &Outcome) -> Vec<Drawing> {
    let bars = |spread: fn(&Server) -> Option<Spread>| -> Vec<Bar> {
        let bar = |server: &Server| {
            let pen = if server.name == OURS { Pen::Blue } else { Pen::Grey };
            Some(Bar { name: server.name.clone(), pen, spread: spread(server)? })
        };
        outcome.servers.iter().filter_map(bar).collect()
    };
    let charts = [
        Bars {
            name: "web-una",
            title: "Procesador por petición, de una en una".to_owned(),
            read: nanoseconds,
            bars: bars(|server| Spread::of(server.plain_ns.iter().copied())),
        },
        Bars {
            name: "web-encadenadas",
            title: format!("Procesador por petición, de {} en {}", outcome.depth, outcome.depth),
            read: nanoseconds,
            bars: bars(|server| Spread::of(server.pipelined_ns.iter().copied())),
        },
        Bars {
            name: "web-memoria",
            title: "Memoria por conexión callada".to_owned(),
            read: bytes,
            bars: bars(|server| Spread::of(server.bytes_per_connection)),
        },
    ];
    charts.into_iter().filter(|chart| !chart.bars.is_empty()).map(|chart| chart.drawing()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cores::Cores;
    use crate::machine::Machine;

    fn outcome() -> Outcome {
        let server = |name: &str, ns: f64| {
            let mut server = Server::named(name);
            server.plain_ns = vec![ns, ns * 1.1, ns * 1.2];
            server.pipelined_ns = vec![ns / 10.0];
            server.bytes_per_connection = Some(430.0);
            server
        };
        Outcome {
            date: "2026-01-31 09:30".into(),
            machine: Machine::this_one(&Cores::split().unwrap()),
            complete: true,
            warnings: Vec::new(),
            connections: 64,
            depth: 16,
            idle: 4000,
            servers: vec![server(OURS, 4000.0), server("nginx", 8000.0)],
        }
    }

    #[test]
    fn el_cociente_se_toma_dentro_de_cada_ronda() {
        // Una ronda lenta para los dos no cambia el cociente.
        let spread = ratio(&[2.0, 20.0, 2.0], &[4.0, 40.0, 4.0]).unwrap();
        assert_eq!((spread.low, spread.median, spread.high), (0.5, 0.5, 0.5));
        assert_eq!(ratio(&[], &[1.0]), None);
    }

    #[test]
    fn la_página_dibuja_lo_que_gasta_cada_uno_y_trae_los_cocientes() {
        let page = page(&outcome());
        assert_eq!(page.matches("<svg class=\"lab\"").count(), 3);
        assert!(page.contains("nginx: 8,80\u{202F}µs."), "{page}");
        assert!(page.contains("<td>0,50 (0,50–0,50)</td>"), "{page}");
        assert!(page.ends_with("</html>\n") && !page.contains("a medias"));
    }

    #[test]
    fn una_medida_a_medias_y_un_servidor_que_falla_se_dicen_en_los_dos_sitios() {
        let mut outcome = outcome();
        outcome.complete = false;
        outcome.servers[1] = Server::named("nginx");
        outcome.servers[1].trouble = Some("el servidor no llegó a escuchar".into());
        outcome.idle = 960;
        outcome.warn(Vec::new());
        for shown in [text(&outcome), page(&outcome)] {
            let words: Vec<&str> = shown.split_whitespace().collect();
            let shown = words.join(" ");
            assert!(shown.to_lowercase().contains("a medias"), "{shown}");
            assert!(shown.contains("nginx: el servidor no llegó a escuchar."), "{shown}");
            assert!(shown.contains("se mide con 960 conexiones"), "{shown}");
        }
    }
}
