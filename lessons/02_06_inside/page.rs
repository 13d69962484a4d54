//! La página: un solo archivo, con la grabación dentro, que no pide nada a nadie.
//!
//! Está escrita en `page/`. Aquí se junta, y se cuentan los pasos para quien la lee sin JavaScript.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::Value;

use crate::narrator::Narrator;
use crate::recording::Record;
use crate::turns::{self, Turn};

const TEMPLATE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/style.css");

/// Los programas de la página, en el orden en que se leen.
const SCRIPTS: [&str; 13] = [
    include_str!("page/text.js"),
    include_str!("page/calls.js"),
    include_str!("page/state.js"),
    include_str!("page/model.js"),
    include_str!("page/sentence.js"),
    include_str!("page/code.js"),
    include_str!("page/waits.js"),
    include_str!("page/kernel.js"),
    include_str!("page/lanes.js"),
    include_str!("page/conversation.js"),
    include_str!("page/controls.js"),
    include_str!("page/live.js"),
    include_str!("page/main.js"),
];

/// Un registro y lo que se cuenta de él: lo que la página entiende.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    record: &'a Record,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    say: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asleep: Option<String>,
}

/// Un registro, con las frases que lo cuentan.
pub fn tell(narrator: &mut Narrator, record: &Record) -> Value {
    let told = narrator.tell(record);
    let told = Told { record, say: told.say, why: told.why, asleep: told.asleep };
    serde_json::to_value(told).unwrap_or_default()
}

/// Los registros de una grabación entera, con las frases que los cuentan.
pub fn told(records: impl IntoIterator<Item = Record>) -> Vec<Value> {
    let mut narrator = Narrator::default();
    records.into_iter().map(|record| tell(&mut narrator, &record)).collect()
}

/// La página de una grabación, entera: se abre desde el disco y sin red.
pub fn html(told: impl Iterator<Item = Value>) -> String {
    let told: Vec<_> = told.collect();
    let records = pack(&serde_json::to_string(&told).unwrap_or_default());
    let steps: String = turns::turns(&told).iter().enumerate().map(item).collect();
    fill(&[
        ("title", &escaped(&title(&told))),
        ("form", "gzip"),
        ("records", &records),
        ("steps", &steps),
        ("events", ""),
    ])
}

/// Comprimida, diez mil llamadas ocupan la vigésima parte; y en base64 no hay nada que HTML pueda
/// entender de otra manera.
fn pack(json: &str) -> String {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    // En la memoria siempre cabe.
    let _ = packer.write_all(json.as_bytes());
    BASE64_STANDARD.encode(packer.finish().unwrap_or_default())
}

/// Los registros de una página de [`html`]: lo que hay en su elemento `grabacion`. Errores: no es
/// eso, o mide más de `longest` bytes.
pub(crate) fn unpack(text: &str, longest: u64) -> io::Result<Vec<Value>> {
    let packed = BASE64_STANDARD.decode(text.trim()).map_err(io::Error::other)?;
    let plain = GzDecoder::new(packed.as_slice()).take(longest);
    Ok(serde_json::from_reader(plain)?)
}

/// La página que espera lo que se vaya grabando de `command`.
pub fn live(command: &str) -> String {
    fill(&[
        ("title", &escaped(&named(command))),
        ("form", ""),
        ("records", "[]"),
        ("steps", ""),
        ("events", "eventos"),
    ])
}

/// Pone cada cosa en su marca, de una pasada: los datos pueden contener `{{steps}}`.
fn fill(marks: &[(&str, &str)]) -> String {
    let script = SCRIPTS.join("\n");
    let own = [("style", STYLE), ("script", &script)];
    let mut pieces = TEMPLATE.split("{{");
    let mut page = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (mark, rest) = piece.split_once("}}").unwrap_or(("", piece));
        let found = marks.iter().chain(&own).find(|(name, _)| *name == mark);
        page.push_str(found.map_or("", |(_, text)| text));
        page.push_str(rest);
    }
    page
}

/// «La ventana: python3 servidor.py».
fn title(told: &[Value]) -> String {
    let header = told.iter().find(|record| record["what"] == "recording");
    let words = header.and_then(|header| header["command"].as_array());
    let words = words.into_iter().flatten().filter_map(Value::as_str);
    named(&words.collect::<Vec<_>>().join(" "))
}

fn named(command: &str) -> String {
    if command.is_empty() { "La ventana".to_owned() } else { format!("La ventana: {command}") }
}

/// Un paso de la lista.
fn item((index, turn): (usize, &Turn)) -> String {
    let seconds = format!("{:.4}", Duration::from_micros(turn.us).as_secs_f64()).replace('.', ",");
    let mut item = format!(
        "<li id=\"paso={}\"><span class=\"momento\">{seconds} s · hilo {}</span> \
         <span class=\"dice\">{}</span>",
        index + 1,
        turn.thread,
        escaped(&turn.text)
    );
    if let Some(why) = &turn.why {
        let _ = write!(item, " <span class=\"porque\">{}</span>", escaped(why));
    }
    item + "</li>\n"
}

/// Un texto, para ponerlo en HTML: ni marcas, ni lo que una página no puede llevar.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(|letter: char| letter.is_control() || "&<>\"".contains(letter)) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            letter if letter.is_control() => safe.extend(letter.escape_default()),
            letter => safe.push(letter),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(say: &str) -> String {
        let told = [
            json!({"what": "recording", "command": ["python3", "a&b.py"]}),
            json!({"what": "call", "call": "read", "us": 1500, "took": 0, "thread": 1, "say": [say]}),
        ];
        html(told.into_iter())
    }

    #[test]
    fn el_código_y_el_estilo_de_la_página_pesan_menos_de_cien_kilobytes() {
        let size = STYLE.len() + SCRIPTS.iter().map(|script| script.len()).sum::<usize>();
        assert!(size < 100_000, "{size} bytes");
        assert!(SCRIPTS.iter().all(|script| !script.contains("</script")));
    }

    #[test]
    fn lo_grabado_no_se_sale_de_su_sitio() {
        let page = page("</script><script>alert(1)</script><!-- {{style}} \u{1b}[31m");
        assert_eq!(page.matches("</script").count(), TEMPLATE.matches("</script").count());
        assert_eq!(page.matches("<!--").count(), TEMPLATE.matches("<!--").count());
        assert_eq!(page.matches(STYLE).count(), 1);
        assert!(page.contains("<title>La ventana: python3 a&amp;b.py</title>"));
        assert!(page.contains("0,0015 s"), "los pasos, para quien no tiene JavaScript");
        assert!(!page.contains('\u{1b}'));
    }

    #[test]
    fn la_página_prohíbe_pedir_nada_fuera() {
        let page = page("hola");
        assert!(
            page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none';")
        );
        for outside in
            ["src=\"http", "href=\"http", "url(http", "@import", "fetch(", "<link rel=\"style"]
        {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    #[test]
    fn la_que_espera_no_trae_nada_y_dice_de_dónde_le_llegará() {
        let page = live("python3 servidor.py");
        assert!(page.contains("data-form=\"\" data-events=\"eventos\">[]</script>"));
    }
}
