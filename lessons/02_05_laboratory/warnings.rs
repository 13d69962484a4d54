//! Los avisos: lo que resta valor a las cifras, con lo que significa para ellas.

use crate::results::Report;
use crate::wording::{connections, count};

/// Todos los de un experimento. Salen de sus datos, y así no pueden contradecir a sus tablas.
pub(crate) fn warnings(report: &Report) -> Vec<String> {
    let mut warnings = report.machine.warnings();
    warnings.extend(report.neighbours.warnings());
    if let Some(wanted) = report.cut {
        let most = report.rows.iter().map(|row| row.case.connections).max().unwrap_or(0);
        warnings.push(cut(report.machine.descriptors, wanted, most));
    }
    for row in &report.rows {
        let (case, who) = (&row.case, &row.case.who);
        if let Some(trouble) = &row.trouble {
            let consequence = match (report.hopeless(who), row.is_empty()) {
                (true, _) => format!("de {who} no hay ninguna cifra"),
                (false, true) => "de ese caso no hay cifras".to_owned(),
                (false, false) => "sus cifras son de menos rondas".to_owned(),
            };
            warnings.push(format!("{case}: {trouble}; {consequence}."));
        }
        let lost: f64 = row.column("unanswered").iter().sum();
        if lost > 0.0 {
            warnings.push(format!(
                "{case}: a ritmo fijo no volvieron {lost} mensajes. Cuentan en las esperas con lo que \
                 llevaban esperado."
            ));
        }
    }
    let bound = |sign| {
        let measures = report.look().measures;
        let mut figures = report
            .measured()
            .flat_map(|row| measures.iter().filter_map(|measure| report.figure(row, measure)));
        figures.any(|figure| figure.bound == sign)
    };
    if bound("≥") {
        warnings.push(
            "Donde una cifra lleva «≥», el generador, que hace de clientes, llenó su propio procesador: \
             el servidor podría con más. Lo demás sigue valiendo: el procesador de cada mensaje, las \
             llamadas, la memoria y las esperas, que se miden aparte."
                .to_owned(),
        );
    }
    if bound("≤") {
        warnings.push(
            "Donde la espera lleva «≤», más de la mitad es del generador, que envió tarde: el motor \
             haría esperar menos. No sirve para decir que un motor hace esperar más que otro. Lo \
             demás sigue valiendo: el procesador por mensaje, los mensajes por segundo, las \
             llamadas, los cambios de contexto y la memoria no dependen de la hora a la que sale \
             cada mensaje."
                .to_owned(),
        );
    }
    if !report.complete {
        warnings.push(
            "Se paró antes de acabar: hay menos rondas de las pedidas, y puede faltar algún caso."
                .to_owned(),
        );
    }
    warnings
}

/// El aviso de que no caben tantas conexiones.
pub(crate) fn cut(descriptors: u64, wanted: usize, most: usize) -> String {
    format!(
        "Con {} descriptores no caben {}: se mide hasta {}. El límite lo pone el sistema (ulimit -Hn).",
        count(descriptors),
        connections(wanted),
        count(most as u64)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{chat, usual, web, with};
    use crate::report::{page, terminal};

    #[test]
    fn en_una_máquina_tranquila_no_hay_nada_que_avisar() {
        for report in [usual(), web(), chat()] {
            assert_eq!(warnings(&report), Vec::<String>::new());
        }
    }

    #[test]
    fn cada_cosa_que_tuerce_las_cifras_tiene_su_aviso_y_está_en_los_dos_sitios() {
        let mut broken = web();
        broken.rows[1].trouble = Some("el servidor no llegó a escuchar".into());
        broken.rows[1].values.clear();
        let mut partial = chat();
        partial.complete = false;
        partial.rows[3].trouble = Some("la conexión terminó a medias".into());
        let mut noisy = usual();
        noisy.neighbours.processors = 0.8;
        let mut cut = usual();
        cut.cut = Some(20_000);
        for (report, wanted) in [
            (with(usual(), "", "generator_busy", |_| 0.99), "llenó su propio procesador"),
            (with(chat(), "", "generator_busy", |_| 0.99), "llenó su propio procesador"),
            (with(usual(), "", "late_us", |_| 4000.0), "es del generador, que envió tarde"),
            (with(usual(), "poll", "unanswered", |_| 1.0), "no volvieron 3 mensajes"),
            (noisy, "Otros programas ocuparon"),
            (cut, "no caben 20\u{202F}000 conexiones: se mide hasta 10\u{202F}000"),
            (broken, "el servidor no llegó a escuchar; de nginx no hay ninguna cifra"),
            (partial.clone(), "la conexión terminó a medias; sus cifras son de menos rondas"),
            (partial, "Se paró antes de acabar"),
        ] {
            for shown in [terminal::text(&report), page::page(&report)] {
                let words: Vec<&str> =
                    shown.split([' ', '\n']).filter(|word| !word.is_empty()).collect();
                assert!(words.join(" ").contains(wanted), "{wanted}: {shown}");
            }
        }
    }
}
