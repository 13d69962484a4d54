//! El informe en una página: se lee en la pantalla, de día o de noche, y se imprime.

use std::fmt::Write;

use super::chart::{charts, escape};
use super::terminal::word;
use crate::results::{Point, Report};
use crate::verdict::{Answer, Verdict, verdicts};
use crate::wording::{bytes, count, microseconds, nanoseconds, number};

/// La página entera, sin nada que pedir a la red.
pub fn page(report: &Report) -> String {
    let machine = &report.machine;
    let mut page = format!(
        "<!doctype html>\n<html lang=\"es\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Laboratorio: hilos, select y epoll en esta máquina</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<script>{NIGHT}</script>\n<main>\n<h1>Lo que afirman los apuntes, medido en esta máquina</h1>\n"
    );
    if !report.complete {
        page += "<p class=\"parcial\"><strong>Informe a medias.</strong> Se paró antes de acabar.</p>\n";
    }
    let _ = writeln!(
        page,
        "<p class=\"datos\"><code>{}</code> · {} UTC<br>{} · {} procesadores · {} MiB de memoria · Linux {} · {} \
         descriptores por proceso{}<br>Mediana de {} repeticiones; las rayas verticales van de cuartil \
         a cuartil.</p>",
        escape(&report.plan.order),
        escape(&report.date),
        escape(&machine.processor),
        machine.cores,
        count(machine.memory_mib),
        escape(&machine.kernel),
        count(machine.descriptors),
        if machine.governor.is_empty() {
            String::new()
        } else {
            format!(" · gobernador {}", escape(&machine.governor))
        },
        report.plan.repeats
    );
    if !report.warnings.is_empty() {
        page += "<section class=\"avisos\"><h2>Avisos</h2><ul>\n";
        for warning in &report.warnings {
            let _ = writeln!(page, "<li>{}</li>", escape(warning));
        }
        page += "</ul></section>\n";
    }
    page += "<section><h2>Veredictos</h2>\n";
    for verdict in verdicts(report) {
        page += &card(&verdict);
    }
    page += "</section>\n";
    for chart in charts(report) {
        let _ = write!(
            page,
            "<figure>\n<figcaption>{}</figcaption>\n{}</figure>\n",
            escape(&chart.title),
            chart.svg(report)
        );
    }
    page += &table(report);
    page += "<footer>Lo midió el laboratorio del curso <em>Mejorando el desempeño: multiplexación de \
             sockets</em>. Cómo se lee: el capítulo 02_05.</footer>\n</main>\n</body>\n</html>\n";
    page
}

fn card(verdict: &Verdict) -> String {
    let because = if verdict.because.is_empty() { "Falta medirlo." } else { &verdict.because };
    let class = match verdict.answer {
        Answer::Holds => "si",
        Answer::Fails => "no",
        Answer::Depends => "segun",
        Answer::Unknown => "nada",
    };
    format!(
        "<article class=\"{class}\"><h3>{}</h3><p class=\"dicho\">«{}»: <strong>{}</strong></p><p>{}</p></article>\n",
        escape(verdict.question),
        escape(verdict.claim),
        word(verdict.answer),
        escape(because)
    )
}

/// Todas las cifras, para quien quiera mirarlas una a una.
fn table(report: &Report) -> String {
    let mut table = String::from(
        "<section><h2>Todas las cifras</h2>\n<div class=\"tabla\"><table>\n<thead><tr><th>motor</th><th>conexiones</th>\
         <th>activas</th><th>procesador por mensaje</th><th>mensajes/s</th><th>p50</th><th>p99</th>\
         <th>p99,9</th><th>sin volver</th><th>llamadas</th><th>despertares</th><th>cambios</th><th>memoria por \
         conexión</th><th>hilos</th></tr></thead>\n<tbody>\n",
    );
    for point in report.points.iter().filter(|point| !point.runs.is_empty()) {
        table += &row(point);
    }
    table + "</tbody></table></div>\n</section>\n"
}

fn row(point: &Point) -> String {
    let case = point.case;
    let mut row = format!("<tr><th>{}</th>", case.engine);
    let mut cell = |text: String| {
        let _ = write!(row, "<td>{}</td>", escape(&text));
    };
    let median = |measure| point.median(measure).unwrap_or(0.0);
    let count_of = |measure| point.median(measure).map_or("—".to_owned(), number);
    let full = if point.generator_full() { "≥ " } else { "" };
    cell(count(case.connections as u64));
    cell(count(case.active as u64));
    cell(nanoseconds(median(|run| run.cpu_ns)));
    cell(format!("{full}{}", number(median(|run| run.messages_per_second))));
    cell(microseconds(median(|run| run.p50_us)));
    cell(microseconds(median(|run| run.p99_us)));
    cell(microseconds(median(|run| run.p999_us)));
    cell(count(point.runs.iter().map(|run| run.unanswered).sum()));
    cell(count_of(|run| run.count(|counts| counts.calls)));
    cell(count_of(|run| run.count(|counts| counts.wakeups)));
    cell(count_of(|run| run.count(|counts| counts.switches)));
    cell(bytes(median(|run| run.bytes_per_connection)));
    cell(count(point.runs.iter().map(|run| run.threads).max().unwrap_or(0)));
    row + "</tr>\n"
}

/// De noche si lo pide el sistema; al imprimir, siempre de día.
const NIGHT: &str = "const noche=matchMedia('(prefers-color-scheme: dark)');\
const pon=()=>document.body.classList.toggle('noche',noche.matches);pon();\
noche.addEventListener('change',pon);\
addEventListener('beforeprint',()=>document.body.classList.remove('noche'));addEventListener('afterprint',pon);";

const STYLE: &str = "body{--tinta:#222;--tenue:#666;--papel:#fff;--raya:#ddd;margin:0;background:var(--papel);\
color:var(--tinta);font:17px/1.5 system-ui,sans-serif}\
body.noche{--tinta:#ddd;--tenue:#999;--papel:#1b1f2a;--raya:#444}\
main{max-width:62rem;margin:auto;padding:1.5rem}h1{line-height:1.15}h3{margin:0 0 .3rem}\
.datos,footer{color:var(--tenue);font-size:.9rem}\
.parcial{border:2px solid #d55e00;padding:.6rem 1rem;border-radius:.4rem}\
.avisos{border-left:4px solid #d55e00;padding-left:1rem}\
article{border:1px solid var(--raya);border-left:5px solid var(--raya);border-radius:.4rem;padding:.8rem 1rem;margin:.8rem 0;break-inside:avoid}\
article.si{border-left-color:#007a5a}article.no{border-left-color:#d55e00}article.segun{border-left-color:#b8860b}\
article p{margin:.2rem 0}.dicho{color:var(--tenue)}.dicho strong{color:var(--tinta)}\
figure{margin:2rem 0;break-inside:avoid}figcaption{font-weight:600;margin-bottom:.4rem}\
.tabla{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}\
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--raya);text-align:right;white-space:nowrap}\
tbody th{text-align:left}thead th{white-space:normal;vertical-align:bottom;color:var(--tenue);font-weight:600}\
@media print{body{font-size:11pt}main{max-width:none;padding:0}.tabla{overflow:visible}table{font-size:7pt}}";
