//! La orden que rehace lo que el capítulo muestra, a partir de los datos guardados: textos y gráficas.
//!
//! Nada de esto se escribe a mano. Una prueba comprueba que los archivos guardados son los que
//! salen de los datos; para rehacerlos, `cargo lab libro`.

use std::io;
use std::path::Path;

use crate::report::chart::charts;
use crate::report::drawing::Drawing;
use crate::report::terminal;
use crate::results::Report;

/// Los datos del experimento, dentro de la carpeta de la lección.
pub(crate) const EXPERIMENT: &str = "datos/experimento.json";
pub(crate) const WEB: &str = "datos/web.json";
pub(crate) const CHAT: &str = "datos/chat.json";

/// Cada archivo que sale de los datos de `lesson`, la carpeta de la lección, y su contenido.
pub(crate) fn files(lesson: &Path) -> io::Result<Vec<(String, String)>> {
    let read = |name| Report::read(&lesson.join(name));
    let (report, web, chat) = (read(EXPERIMENT)?, read(WEB)?, read(CHAT)?);
    let texts = [
        ("maquina", terminal::head(&report)),
        ("costo", terminal::bars(&report)),
        ("tablas", terminal::tables(&report)),
        ("veredictos", terminal::answers(&report)),
        ("avisos", terminal::remarks(&report)),
        ("web", terminal::text(&web)),
        ("chat", terminal::text(&chat)),
    ];
    let texts = texts.map(|(name, text)| (format!("sesiones/{name}.txt"), text + "\n"));
    let one = |report, wanted: &str| {
        let found = charts(report).into_iter().find(|(drawing, _)| drawing.name == wanted);
        found.map(|(drawing, _)| drawing)
    };
    let drawings = charts(&report).into_iter().map(|(drawing, _)| drawing);
    let drawings = drawings.chain(one(&web, "web-encadenadas")).chain(one(&chat, "chat-costo"));
    let drawings = drawings.map(|Drawing { name, svg, .. }| (format!("graficas/{name}.svg"), svg));
    Ok(texts.into_iter().chain(drawings).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engines::Engine;
    use crate::measures::HALF;
    use crate::programs::LESSON;
    use crate::verdict::{Answer, Growth, growth, verdicts};
    use std::fs;

    #[test]
    fn lo_que_el_capítulo_muestra_sale_de_sus_datos() {
        let lesson = Path::new(LESSON);
        let chapter = fs::read_to_string(lesson.join("capitulo.md")).unwrap();
        let files = files(lesson).unwrap();
        assert_eq!(files.iter().filter(|(name, _)| name.starts_with("graficas/")).count(), 6);
        for (name, content) in &files {
            let saved = fs::read_to_string(lesson.join(name)).unwrap();
            assert!(
                saved == *content,
                "{name} no es el de los datos: rehazlo con «cargo lab libro»"
            );
            assert!(chapter.contains(&format!("{{{{#include {name}}}}}")), "nadie muestra {name}");
        }
    }

    /// La prosa del capítulo afirma esto de sus datos. Si otra medida dice otra cosa, hay que
    /// reescribirla.
    #[test]
    fn lo_que_el_capítulo_afirma_lo_dicen_sus_datos() {
        let report = Report::read(&Path::new(LESSON).join(EXPERIMENT)).unwrap();
        assert!(report.complete, "el libro no se hace con un experimento a medias");
        let growth = |engine: Engine| growth(&report, engine.name()).unwrap().0;
        assert_eq!(growth(Engine::Threads), Growth::Flat);
        assert_eq!(growth(Engine::Epoll), Growth::Flat);
        assert!(matches!(growth(Engine::Select), Growth::Linear(Some(_))), "en línea recta");
        assert_eq!(growth(Engine::Poll), Growth::Linear(None), "y no en línea recta");
        // «Con pocas conexiones, la mitad de los mensajes no espera» un turno entero.
        let turn = 1e6 / f64::from(report.rate);
        let few = report.measured().filter(|row| row.case.connections <= 100);
        let mut waits = few.filter_map(|row| report.figure(row, &HALF));
        assert!(waits.all(|wait| wait.spread.median < turn));
        let verdicts = verdicts(&report);
        assert!(verdicts.iter().all(|verdict| verdict.sure), "la prosa no duda de ninguno");
        let answers: Vec<Answer> = verdicts.iter().map(|verdict| verdict.answer).collect();
        let [memory, cost, limit, scale, select, threads, edge] = answers[..] else {
            panic!("faltan preguntas")
        };
        assert_eq!([cost, limit, threads], [Answer::Holds; 3]);
        assert_eq!([memory, scale, edge], [Answer::Fails; 3]);
        assert_eq!(select, Answer::Depends);
    }

    /// La tabla de «Cuánto cuesta», en 02_07.
    #[test]
    fn lo_que_02_07_dice_de_varios_servidores_es_lo_que_se_midió() {
        let lesson = Path::new(LESSON);
        let plain = |text: String| text.replace(['\u{a0}', '\u{202f}'], " ");
        let measured = plain(fs::read_to_string(lesson.join("sesiones/chat.txt")).unwrap());
        let chapter = lesson.join("../02_07_many_machines/capitulo.md");
        let chapter = plain(fs::read_to_string(chapter).unwrap());
        let (_, table) = chapter.split_once("| con mil clientes |").unwrap();
        let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), 3);
        for cell in rows.iter().flat_map(|row| row.split('|').skip(2)).map(str::trim) {
            assert!(measured.contains(cell), "«{cell}» no está en sesiones/chat.txt");
        }
    }

    #[test]
    fn una_gráfica_cabe_en_markdown_y_en_cualquier_papel() {
        for (name, drawing) in files(Path::new(LESSON)).unwrap() {
            if !name.starts_with("graficas/") {
                continue;
            }
            let blank = drawing.lines().any(|line| line.trim().is_empty());
            assert!(!blank, "{name}: una línea en blanco");
            assert!(
                drawing.starts_with("<svg class=\"lab\"") && drawing.ends_with("</svg>\n"),
                "{name}"
            );
            assert!(drawing.contains("<title id=") && drawing.contains("<desc id="), "{name}");
            let fixed = ["fill=\"#", "stroke=\"#"].iter().any(|colour| drawing.contains(colour));
            assert!(!fixed, "{name}: un color que no cambia con el papel");
        }
    }
}
