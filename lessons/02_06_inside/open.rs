//! Abrir lo que se grabó otro día: una grabación, una página de `--grabar` o lo que una lección
//! escribió con `--trace`. Puede venir de cualquiera, y estar cortado o dañado.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;
use serde_json::Value;

use crate::lesson_trace;
use crate::page;
use crate::recording::{Record, VERSION};

/// Lo que puede medir un archivo, en bytes.
const LONGEST: u64 = 64 * 1024 * 1024;

/// Lo que había en un archivo.
#[derive(Debug)]
pub struct Opened {
    /// Sus registros, en orden.
    pub records: Vec<Record>,
    /// Lo que hay que saber de él, si algo no está bien.
    pub warning: Option<String>,
}

/// Abre `path`. Errores: no se puede leer, o no es nada de lo que la ventana entiende.
pub fn open(path: &Path) -> Result<Opened, Trouble> {
    let name = format!("«{}»", path.display());
    let text = read(path, &name)?;
    if text.trim().is_empty() {
        return Err(Trouble::new(format!("{name} está vacío"), RECORD_AGAIN));
    }
    if text.trim_start().starts_with('<') {
        return from_page(&text, &name);
    }
    from_lines(&text, &name)
}

const RECORD_AGAIN: &str = "graba otra vez, con «cargo ver --json ARCHIVO -- ORDEN»";
const WHAT_OPENS: &str =
    "abre lo que dejan «cargo ver --json», «cargo ver --grabar» o el --trace de una lección";

fn read(path: &Path, name: &str) -> Result<String, Trouble> {
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut bytes));
    outcome.map_err(|error| unreadable(path, name, &error))?;
    if bytes.len() as u64 > LONGEST {
        let what = format!("{name} pasa de {} MB, y la página no podría con él", LONGEST >> 20);
        return Err(Trouble::new(what, "graba menos tiempo, o con menos clientes"));
    }
    // Un corte puede caer en medio de una letra: lo que falta está en la última línea.
    let whole = match str::from_utf8(&bytes) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    bytes.truncate(whole);
    String::from_utf8(bytes).map_err(|_| foreign(name, "no es texto"))
}

fn unreadable(path: &Path, name: &str, error: &io::Error) -> Trouble {
    let what = format!("no se puede leer {name}: {}", reason(error));
    match error.kind() {
        io::ErrorKind::NotFound => {
            let path = path.display();
            Trouble::new(what, format!("si es una orden, va tras --: cargo ver -- {path}"))
        }
        _ => Trouble::new(what, "elige un archivo que puedas leer"),
    }
}

fn foreign(name: &str, why: &str) -> Trouble {
    Trouble::new(format!("{name} no es una grabación: {why}"), WHAT_OPENS)
}

fn damaged(name: &str, line: usize, why: &str) -> Trouble {
    Trouble::new(format!("{name} está dañado: línea {line}: {why}"), RECORD_AGAIN)
}

/// Una línea, y su número.
type Numbered = (usize, Value);

/// JSON Lines: una grabación, o una traza.
fn from_lines(text: &str, name: &str) -> Result<Opened, Trouble> {
    let (lines, cut) = lines(text, name)?;
    let Some((_, first)) = lines.first() else {
        return Err(foreign(name, "su primera línea no es JSON"));
    };
    let records = match first["what"].as_str() {
        Some("recording") => recording(&lines, name)?,
        Some(_) if lesson_trace::is_step(first) => lesson_trace::records(&lines)
            .map_err(|line| damaged(name, line, "no es un paso de --trace"))?,
        _ => return Err(foreign(name, "su primera línea no dice qué se grabó")),
    };
    let warning =
        cut.then(|| format!("la última línea de {name} está cortada; se abre lo que hay entero"));
    Ok(Opened { records, warning })
}

/// Las líneas, y si a la última le falta un trozo.
fn lines(text: &str, name: &str) -> Result<(Vec<Numbered>, bool), Trouble> {
    let mut found = Vec::new();
    let mut written =
        text.split('\n').enumerate().map(|(index, line)| (index + 1, line)).peekable();
    while let Some((number, line)) = written.next() {
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(line) {
            Ok(value) => found.push((number, value)),
            Err(_) if written.peek().is_none() && !found.is_empty() => return Ok((found, true)),
            Err(_) if found.is_empty() => return Err(foreign(name, "su primera línea no es JSON")),
            Err(_) => return Err(damaged(name, number, "no es JSON")),
        }
    }
    Ok((found, false))
}

fn recording(lines: &[Numbered], name: &str) -> Result<Vec<Record>, Trouble> {
    let version = lines.first().and_then(|(_, first)| first["version"].as_u64());
    check_version(version, name)?;
    let known = lines.iter().filter_map(|(number, value)| Some((number, record(value)?)));
    let records = known.map(|(number, record)| {
        record.map_err(|()| damaged(name, *number, "le falta algo, o algo no es lo que debe ser"))
    });
    records.collect()
}

fn check_version(version: Option<u64>, name: &str) -> Result<(), Trouble> {
    match version {
        Some(version) if version <= u64::from(VERSION) => Ok(()),
        Some(version) => Err(Trouble::new(
            format!(
                "{name} es de otra versión del formato, la {version}; aquí se entiende la {VERSION}"
            ),
            "trae lo nuevo del curso, con «cargo curso actualizar»",
        )),
        None => Err(foreign(name, "su primera línea no dice de qué versión es")),
    }
}

/// Un registro, si es de los que se conocen. Errores: le falta algo.
fn record(value: &Value) -> Option<Result<Record, ()>> {
    match serde_json::from_value(value.clone()) {
        Ok(record) => Some(Ok(record)),
        // Es lo que dice serde de un `what` que no está en [`Record`]: se pasa por alto.
        Err(error) if error.to_string().starts_with("unknown variant") => None,
        Err(_) => Some(Err(())),
    }
}

/// La página que dejó `--grabar`: su grabación va dentro.
fn from_page(text: &str, name: &str) -> Result<Opened, Trouble> {
    let inside = text.split_once("id=\"grabacion\"").and_then(|(_, rest)| rest.split_once('>'));
    let Some((_, inside)) = inside else {
        return Err(foreign(name, "es una página, pero no de la ventana"));
    };
    let Some((packed, _)) = inside.split_once("</script>") else {
        return Err(Trouble::new(format!("{name} está cortado"), RECORD_AGAIN));
    };
    if packed.trim() == "[]" {
        return Err(foreign(name, "es una página en vivo, que no guarda nada"));
    }
    let values = page::unpack(packed, LONGEST).map_err(|_| {
        Trouble::new(format!("{name} está dañado: no se entiende su grabación"), RECORD_AGAIN)
    })?;
    let line = text[..text.len() - inside.len()].lines().count();
    let numbered: Vec<_> = values.into_iter().map(|value| (line, value)).collect();
    Ok(Opened { records: recording(&numbered, name)?, warning: None })
}
