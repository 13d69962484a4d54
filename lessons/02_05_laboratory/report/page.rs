//! Una página: se lee en la pantalla, de día o de noche, y se imprime. Sin nada que pedir a la red.

use std::fmt::Write;

use super::chart::charts;
use super::drawing::{Drawing, escape};
use super::look::Look;
use crate::machine::Machine;
use crate::measures::Measure;
use crate::results::{Report, Row};
use crate::verdict::{Answer, Verdict, verdicts};
use crate::warnings::warnings;
use crate::wording::{count, number};

pub(crate) fn page(report: &Report) -> String {
    let look = report.look();
    let mut page = format!(
        "<!doctype html>\n<html lang=\"es\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{heading}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <script>{NIGHT}</script>\n<main>\n<h1>{heading}</h1>\n",
        heading = escape(look.heading)
    );
    if !report.complete {
        page += "<p class=\"parcial\"><strong>Informe a medias.</strong> Se paró antes de acabar.</p>\n";
    }
    page += &about(report, &look);
    let warnings = warnings(report);
    if !warnings.is_empty() {
        page += "<section class=\"avisos\"><h2>Avisos</h2><ul>\n";
        for warning in warnings {
            let _ = writeln!(page, "<li>{}</li>", escape(&warning));
        }
        page += "</ul></section>\n";
    }
    let verdicts = verdicts(report);
    if !verdicts.is_empty() {
        page += "<section><h2>Veredictos</h2>\n";
        page.extend(verdicts.iter().map(card));
        page += "</section>\n";
    }
    for (drawing, reading) in charts(report) {
        page += &figure(&drawing, reading);
    }
    page += &table(report, &look);
    page += "<footer>Lo midió el laboratorio del curso <em>Mejorando el desempeño: multiplexación de \
             sockets</em>. Cómo se lee: el capítulo 02_05.</footer>\n</main>\n</body>\n</html>\n";
    page
}

/// Cuándo, cómo y dónde se midió, y cómo se leen sus cifras.
fn about(report: &Report, look: &Look) -> String {
    let Machine { processor, memory_mib, kernel, descriptors, governor, .. } = &report.machine;
    let governor = match governor.as_str() {
        "" => String::new(),
        name => format!(" · gobernador {}", escape(name)),
    };
    format!(
        "<p class=\"datos\"><code>{}</code> · {} UTC<br>{} · {} · {} MiB de memoria · Linux {} · {} \
         descriptores por proceso{governor}<br>Mediana de {} rondas, y entre qué cuartiles se movió. \
         {}</p>\n",
        escape(&report.order),
        escape(&report.date),
        escape(processor),
        report.machine.processors(),
        count(*memory_mib),
        escape(kernel),
        count(*descriptors),
        report.rounds,
        escape(&look.reading)
    )
}

fn card(verdict: &Verdict) -> String {
    let class = match (verdict.answer, verdict.sure) {
        (Answer::Unknown, _) | (_, false) => "nada",
        (Answer::Holds, true) => "si",
        (Answer::Fails, true) => "no",
        (Answer::Depends, true) => "segun",
    };
    format!(
        "<article class=\"{class}\"><h3>{}</h3><p class=\"dicho\">«{}»: <strong>{}</strong></p><p>{}</p></article>\n",
        escape(verdict.question),
        escape(verdict.claim),
        verdict.told(),
        escape(&verdict.because)
    )
}

/// Una gráfica con su título y, debajo, cómo se lee.
fn figure(drawing: &Drawing, reading: &str) -> String {
    format!(
        "<figure>\n<figcaption>{}</figcaption>\n<div class=\"dibujo\">{}</div>\n<p class=\"lectura\">{}</p>\n\
         </figure>\n",
        escape(&drawing.title),
        drawing.svg,
        escape(reading)
    )
}

/// Todas las cifras, para quien quiera mirarlas una a una: las filas por las medidas.
fn table(report: &Report, look: &Look) -> String {
    let columns = [look.who, look.across.1, "activas"].into_iter();
    let columns = columns.chain(look.measures.iter().map(|measure| measure.name)).chain(["rondas"]);
    let mut table =
        "<section class=\"cifras\"><h2>Todas las cifras</h2>\n<div class=\"tabla\"><table>\n\
                     <thead><tr>"
            .to_owned();
    for name in columns {
        let _ = write!(table, "<th>{name}</th>");
    }
    table += "</tr></thead>\n<tbody>\n";
    for row in report.measured() {
        let sizes = [row.case.connections, row.case.active].map(|size| count(size as u64));
        let _ = write!(table, "<tr><th>{}</th>", escape(&row.case.who));
        let _ = write!(table, "<td>{}</td><td>{}</td>", sizes[0], sizes[1]);
        for measure in look.measures {
            table += &cell(report, look, row, measure);
        }
        let _ = writeln!(table, "<td>{}</td></tr>", row.rounds());
    }
    table + "</tbody></table></div>\n</section>\n"
}

/// Una cifra con sus cuartiles y, si lo hay, su cociente con la primera fila.
fn cell(report: &Report, look: &Look, row: &Row, measure: &'static Measure) -> String {
    let Some(figure) = report.figure(row, measure) else { return "<td>—</td>".to_owned() };
    let ratio = report.ratio(row, measure).filter(|_| look.ratios);
    let ratio = ratio.map_or(String::new(), |ratio| {
        format!("<small>× {}{}</small>", number(ratio.median), ratio.range(number))
    });
    format!("<td>{figure}<small>{}</small>{ratio}</td>", figure.range())
}

/// De noche si lo pide el sistema; al imprimir, siempre de día.
const NIGHT: &str = "const noche=matchMedia('(prefers-color-scheme: dark)');\
const pon=()=>document.body.classList.toggle('noche',noche.matches);pon();\
noche.addEventListener('change',pon);\
addEventListener('beforeprint',()=>document.body.classList.remove('noche'));addEventListener('afterprint',pon);";

const STYLE: &str = "body{--tinta:#222;--tenue:#666;--papel:#fff;--raya:#ddd;margin:0;background:var(--papel);\
color:var(--tinta);font:17px/1.5 system-ui,sans-serif}\
body.noche{--tinta:#ddd;--tenue:#999;--papel:#1b1f2a;--raya:#444}\
main{max-width:62rem;margin:auto;padding:1.5rem}h1{line-height:1.15}h2{break-after:avoid}h3{margin:0 0 .3rem}\
.datos,.lectura,footer{color:var(--tenue);font-size:.9rem}\
.parcial{border:2px solid #d55e00;padding:.6rem 1rem;border-radius:.4rem}\
.avisos{border-left:4px solid #d55e00;padding-left:1rem}\
article{border:1px solid var(--raya);border-left:5px solid var(--raya);border-radius:.4rem;padding:.8rem 1rem;margin:.8rem 0;break-inside:avoid}\
article.si{border-left-color:#007a5a}article.no{border-left-color:#d55e00}article.segun{border-left-color:#b8860b}\
article p{margin:.2rem 0}.dicho{color:var(--tenue)}.dicho strong{color:var(--tinta)}\
figure{margin:2rem 0;break-inside:avoid}figcaption{font-weight:600;margin-bottom:.4rem}\
.dibujo,.tabla{overflow-x:auto}.lectura{margin:.2rem 0}\
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--raya);text-align:right;white-space:nowrap}td small{display:block;color:var(--tenue)}\
tbody th,thead th:first-child{text-align:left}thead th{white-space:normal;vertical-align:bottom;color:var(--tenue);font-weight:600}\
tr,.cifras{break-inside:avoid}footer{margin-top:2rem}\
@media (max-width:600px){.dibujo svg.lab{min-width:38rem}}\
@media print{body,body.noche{--tinta:#000;--tenue:#444;--papel:#fff;--raya:#bbb;font-size:11pt}\
main{max-width:none;padding:0}.dibujo,.tabla{overflow:visible}figure{margin:1rem 0}.dibujo svg.lab{width:88%;min-width:0}table{font-size:7pt}th,td{padding:.2rem .3rem}}";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made_up::{chat, usual, web};

    #[test]
    fn cada_experimento_tiene_su_página_con_sus_gráficas_y_todas_las_cifras() {
        for (report, drawings, verdicts) in [(usual(), 4, 7), (web(), 3, 0), (chat(), 2, 0)] {
            let page = page(&report);
            assert_eq!(page.matches("<svg class=\"lab\"").count(), drawings);
            assert_eq!(page.matches("<article").count(), verdicts);
            assert_eq!(page.matches("<tr><th>").count(), report.rows.len() + 1);
            assert!(page.ends_with("</html>\n") && !page.contains("a medias"));
        }
    }

    #[test]
    fn las_gráficas_se_pueden_oír_y_las_cifras_traen_su_dispersión_y_su_cociente() {
        let (web, chat) = (page(&web()), page(&chat()));
        assert!(web.contains("nginx: 8,00\u{202F}µs."), "{web}");
        assert!(web.contains("<small>× 0,50</small>"), "{web}");
        assert!(chat.contains("redis: de 704") && chat.contains("ns a 720"), "{chat}");
    }
}
