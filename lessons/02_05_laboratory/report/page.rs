//! Una página: se lee en la pantalla, de día o de noche, y se imprime. Sin nada que pedir a la red.

use std::fmt::Write;

use super::drawing::{Drawing, escape};
use crate::machine::Machine;
use crate::wording::count;

/// Lo que lleva una página cualquiera.
pub struct Page<'a> {
    /// Lo que se lee en la pestaña.
    pub title: &'a str,
    /// Lo que se lee arriba.
    pub heading: &'a str,
    /// Cómo se pidió.
    pub order: &'a str,
    /// Cuándo se midió.
    pub date: &'a str,
    /// Dónde.
    pub machine: &'a Machine,
    /// Cómo se leen sus cifras, en una frase.
    pub reading: &'a str,
    /// Si se midió todo lo que se pidió.
    pub complete: bool,
    /// Lo que resta valor a las cifras.
    pub warnings: &'a [String],
    /// Lo demás, ya en HTML.
    pub body: String,
}

impl Page<'_> {
    /// La página entera.
    pub fn html(&self) -> String {
        let mut page = format!(
            "<!doctype html>\n<html lang=\"es\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<script>{NIGHT}</script>\n\
             <main>\n<h1>{}</h1>\n",
            escape(self.title),
            escape(self.heading)
        );
        if !self.complete {
            page += "<p class=\"parcial\"><strong>Informe a medias.</strong> Se paró antes de acabar.</p>\n";
        }
        page += &self.about();
        if !self.warnings.is_empty() {
            page += "<section class=\"avisos\"><h2>Avisos</h2><ul>\n";
            for warning in self.warnings {
                let _ = writeln!(page, "<li>{}</li>", escape(warning));
            }
            page += "</ul></section>\n";
        }
        page += &self.body;
        page += "<footer>Lo midió el laboratorio del curso <em>Mejorando el desempeño: multiplexación de \
                 sockets</em>. Cómo se lee: el capítulo 02_05.</footer>\n</main>\n</body>\n</html>\n";
        page
    }

    /// Cuándo, cómo y dónde se midió.
    fn about(&self) -> String {
        let Machine { processor, memory_mib, kernel, descriptors, governor, .. } = self.machine;
        let governor = match governor.as_str() {
            "" => String::new(),
            name => format!(" · gobernador {}", escape(name)),
        };
        format!(
            "<p class=\"datos\"><code>{}</code> · {} UTC<br>{} · {} · {} MiB de memoria · Linux {} · {} \
             descriptores por proceso{governor}<br>{}</p>\n",
            escape(self.order),
            escape(self.date),
            escape(processor),
            self.machine.processors(),
            count(*memory_mib),
            escape(kernel),
            count(*descriptors),
            escape(self.reading)
        )
    }
}

/// Una gráfica con su título y, debajo, cómo se lee.
pub fn figure(drawing: &Drawing, reading: &str) -> String {
    format!(
        "<figure>\n<figcaption>{}</figcaption>\n<div class=\"dibujo\">{}</div>\n<p class=\"lectura\">{}</p>\n\
         </figure>\n",
        escape(&drawing.title),
        drawing.svg,
        escape(reading)
    )
}

/// Una tabla: la primera columna da nombre a la fila.
pub fn table(title: &str, columns: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut table = format!(
        "<section class=\"cifras\"><h2>{}</h2>\n<div class=\"tabla\"><table>\n<thead><tr>",
        escape(title)
    );
    for name in columns {
        let _ = write!(table, "<th>{}</th>", escape(name));
    }
    table += "</tr></thead>\n<tbody>\n";
    for row in rows {
        table += "<tr>";
        for (place, cell) in row.iter().enumerate() {
            let kind = if place == 0 { "th" } else { "td" };
            let _ = write!(table, "<{kind}>{}</{kind}>", escape(cell));
        }
        table += "</tr>\n";
    }
    table + "</tbody></table></div>\n</section>\n"
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
th,td{padding:.25rem .6rem;border-bottom:1px solid var(--raya);text-align:right;white-space:nowrap}\
tbody th,thead th:first-child{text-align:left}thead th{white-space:normal;vertical-align:bottom;color:var(--tenue);font-weight:600}\
tr,.cifras{break-inside:avoid}footer{margin-top:2rem}\
@media (max-width:600px){.dibujo svg.lab{min-width:38rem}}\
@media print{body,body.noche{--tinta:#000;--tenue:#444;--papel:#fff;--raya:#bbb;font-size:11pt}\
main{max-width:none;padding:0}.dibujo,.tabla{overflow:visible}figure{margin:1rem 0}.dibujo svg.lab{width:88%;min-width:0}table{font-size:7pt}th,td{padding:.2rem .3rem}}";
