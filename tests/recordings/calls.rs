//! Lo que se compara de una grabación: sus llamadas, sin lo que es de cada vez.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

/// Qué parte de una conversación ha de repetirse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Todo: lo decide lo que se dice en ella.
    All,
    /// Cuántos bytes caben, y en cuántas vueltas, lo decide el núcleo. Se compara qué llamadas distintas
    /// se hacen, en el orden en que aparecen.
    Kinds,
}

/// Lo que se compara de una llamada.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    what: String,
    /// La línea desde la que se hace, o la función. A veces, strace no llega a verla.
    line: Option<String>,
}

impl Shape {
    fn agrees(&self, other: &Shape) -> bool {
        let unknown = self.line.is_none() || other.line.is_none();
        self.what == other.what && (unknown || self.line == other.line)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.line {
            Some(line) => write!(formatter, "{} ← {line}", self.what),
            None => formatter.write_str(&self.what),
        }
    }
}

/// Si dos hilos hacen lo mismo.
pub(crate) fn agree(was: &[Shape], is: &[Shape]) -> bool {
    was.len() == is.len() && was.iter().zip(is).all(|(one, other)| one.agrees(other))
}

/// Las llamadas de cada hilo de una grabación, en orden: cómo se turnan los hilos es cosa del núcleo.
pub(crate) fn by_thread(recording: &str, repeats: Repeats) -> BTreeMap<u64, Vec<Shape>> {
    let records: Vec<Value> =
        recording.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sources = sources(&records);
    let mut threads: BTreeMap<u64, Vec<Shape>> = BTreeMap::new();
    for call in records.iter().filter(|record| record["what"] == "call" && ended(record)) {
        let thread = threads.entry(call["thread"].as_u64().unwrap()).or_default();
        let what = what(call, repeats);
        let line = line(&call["at"][0], &sources);
        match thread.iter_mut().find(|shape| shape.what == what) {
            Some(known) if repeats == Repeats::Kinds => known.line = known.line.take().or(line),
            _ => thread.push(Shape { what, line }),
        }
    }
    threads
}

/// Si terminó, o si ya no terminará.
fn ended(call: &Value) -> bool {
    call["result"].is_i64() || call["error"].is_string()
}

/// Las líneas de cada archivo que hay en la grabación.
fn sources(records: &[Value]) -> BTreeMap<&str, Vec<&str>> {
    let sources = records.iter().filter(|record| record["what"] == "source");
    sources
        .map(|source| {
            let text = source["text"].as_str().unwrap();
            (source["file"].as_str().unwrap(), text.lines().collect())
        })
        .collect()
}

/// `recvfrom(5) cliente 1 = 4`.
fn what(call: &Value, repeats: Repeats) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| call[name].as_i64().map(|number| number.to_string());
    let watch = interests(&call["watch"]);
    let ready = interests(&call["ready"]);
    // Quién coincide con quién en una misma vuelta también es cosa del núcleo.
    let outcome = match repeats {
        Repeats::Kinds if !ready.is_empty() => String::new(),
        _ => format!("= {}", outcome(call, repeats)),
    };
    let parts = [
        format!("{}({})", text("call"), number("fd").unwrap_or_default()),
        number("client").map(|client| format!("cliente {client}")).unwrap_or_default(),
        text("how"),
        watch,
        interest(&call["target"]),
        outcome,
        if ready.is_empty() || repeats == Repeats::Kinds {
            String::new()
        } else {
            format!("listo: {ready}")
        },
    ];
    let said: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    said.join(" ")
}

/// Lo que dio: un número, un error o, si cuántos bytes caben lo decide el núcleo, si salieron todos.
fn outcome(call: &Value, repeats: Repeats) -> String {
    let Some(result) = call["result"].as_i64() else {
        return call["error"].as_str().unwrap_or_default().to_owned();
    };
    let asked = call["asked"].as_i64();
    let moves_bytes = asked.is_some() || call["bytes"].is_string();
    if repeats == Repeats::All || result == 0 || !moves_bytes {
        return result.to_string();
    }
    let part = call["call"] == "sendto" && asked.is_some_and(|asked| result < asked);
    (if part { "una parte" } else { "bytes" }).to_owned()
}

/// `leer 3, escribir 5`.
fn interests(list: &Value) -> String {
    let all: Vec<String> = list.as_array().into_iter().flatten().map(interest).collect();
    all.join(", ")
}

fn interest(value: &Value) -> String {
    match value["fd"].as_i64() {
        Some(fd) => format!("{} {fd}", value["events"].as_str().unwrap_or_default()),
        None => String::new(),
    }
}

/// La línea desde la que se llama, si se sabe; si no, la función.
fn line(place: &Value, sources: &BTreeMap<&str, Vec<&str>>) -> Option<String> {
    let written = sources
        .get(place["file"].as_str().unwrap_or_default())
        .zip(place["line"].as_u64())
        .and_then(|(lines, number)| lines.get(usize::try_from(number).ok()?.checked_sub(1)?));
    let function = place["function"].as_str();
    written.map(|line| line.trim()).or(function).map(str::to_owned)
}
