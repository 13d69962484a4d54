//! El capítulo y sus datos, al paso.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fs;
use std::path::Path;

use laboratorio::commands::LESSON;
use laboratorio::engines::Engine;
use laboratorio::report::book;
use laboratorio::results::Report;
use laboratorio::verdict::{Answer, Growth, growth, verdicts};

#[test]
fn lo_que_el_capítulo_muestra_sale_de_sus_datos() {
    let lesson = Path::new(LESSON);
    let chapter = fs::read_to_string(lesson.join("capitulo.md")).unwrap();
    let files = book::files(lesson).unwrap();
    assert_eq!(files.iter().filter(|(name, _)| name.starts_with("graficas/")).count(), 6);
    for (name, content) in &files {
        let saved = fs::read_to_string(lesson.join(name)).unwrap();
        assert!(saved == *content, "{name} no es el de los datos: rehazlo con «cargo lab libro»");
        assert!(chapter.contains(&format!("{{{{#include {name}}}}}")), "nadie muestra {name}");
    }
}

/// La prosa del capítulo afirma esto de sus datos. Si otra medida dice otra cosa, hay que
/// reescribirla.
#[test]
fn lo_que_el_capítulo_afirma_lo_dicen_sus_datos() {
    let report = Report::read(&Path::new(LESSON).join(book::EXPERIMENT)).unwrap();
    assert!(report.complete, "el libro no se hace con un experimento a medias");
    assert_eq!(growth(&report, Engine::Threads), Some(Growth::Flat));
    assert_eq!(growth(&report, Engine::Epoll), Some(Growth::Flat));
    assert!(matches!(growth(&report, Engine::Poll), Some(Growth::Linear(_))));
    // «Con pocas conexiones, la mitad de los mensajes no espera» un turno entero.
    let turn = 1e6 / f64::from(report.plan.rate);
    let few = report.points.iter().filter(|point| point.case.connections <= 100);
    assert!(few.filter_map(|point| point.median(|run| run.p50_us)).all(|wait| wait < turn));
    let answers: Vec<Answer> = verdicts(&report).iter().map(|verdict| verdict.answer).collect();
    let [memory, cost, limit, scale, select, ..] = answers[..] else { panic!("faltan preguntas") };
    assert_eq!([memory, cost, limit], [Answer::Holds; 3]);
    assert_eq!((scale, select), (Answer::Fails, Answer::Depends));
}

#[test]
fn una_gráfica_cabe_en_markdown_y_en_cualquier_papel() {
    for (name, drawing) in book::files(Path::new(LESSON)).unwrap() {
        if !name.starts_with("graficas/") {
            continue;
        }
        assert!(drawing.lines().all(|line| !line.trim().is_empty()), "{name}: una línea en blanco");
        assert!(
            drawing.starts_with("<svg class=\"lab\"") && drawing.ends_with("</svg>\n"),
            "{name}"
        );
        assert!(drawing.contains("<title id=") && drawing.contains("<desc id="), "{name}");
        let fixed = ["fill=\"#", "stroke=\"#"].iter().any(|attribute| drawing.contains(attribute));
        assert!(!fixed, "{name}: un color que no cambia con el papel");
    }
}
