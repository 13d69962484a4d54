//! Lo que se compara de una grabación: sus llamadas, sin lo que es de cada vez.

use std::collections::BTreeMap;

use serde_json::Value;

/// Qué parte de una llamada ha de repetirse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeats {
    /// Todo: cuántos bytes viajan lo decide la conversación.
    All,
    /// Cuántos bytes caben, y en cuántas vueltas, lo decide el núcleo. Se compara qué se hace en cada
    /// vuelta, y las vueltas iguales seguidas son una.
    Turns,
}

/// Las llamadas de cada hilo de una grabación, en orden: cómo se turnan los hilos es cosa del núcleo.
pub(crate) fn by_thread(recording: &str, repeats: Repeats) -> BTreeMap<u64, Vec<String>> {
    let records: Vec<Value> =
        recording.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let sources = sources(&records);
    let mut threads: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for call in records.iter().filter(|record| record["what"] == "call" && ended(record)) {
        let thread = threads.entry(call["thread"].as_u64().unwrap()).or_default();
        thread.push(shape(call, &sources, repeats));
    }
    if repeats == Repeats::Turns {
        threads.values_mut().for_each(|calls| *calls = without_repeated_turns(calls));
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

/// `recvfrom(5) cliente 1 = 4 ← let count = stream.read(…)`.
fn shape(call: &Value, sources: &BTreeMap<&str, Vec<&str>>, repeats: Repeats) -> String {
    let text = |name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| call[name].as_i64().map(|number| number.to_string());
    let mut shape = format!("{}({})", text("call"), number("fd").unwrap_or_default());
    if let Some(client) = number("client") {
        shape += &format!(" cliente {client}");
    }
    for part in [text("how"), interests(&call["watch"]), interest(&call["target"])] {
        if !part.is_empty() {
            shape += &format!(" {part}");
        }
    }
    let moved = call["asked"].is_u64() || call["bytes"].is_string();
    shape += &match (repeats, call["result"].as_i64(), call["asked"].as_i64()) {
        (_, None, _) => format!(" = {}", text("error")),
        (Repeats::All, Some(result), _) => format!(" = {result}"),
        (_, Some(0), _) => " = 0".to_owned(),
        (_, Some(result), Some(asked)) if result < asked => " = una parte".to_owned(),
        _ if moved => " = bytes".to_owned(),
        (_, Some(result), _) => format!(" = {result}"),
    };
    let ready = interests(&call["ready"]);
    if !ready.is_empty() {
        shape += &format!(": {ready}");
    }
    if let Some(line) = line(&call["at"][0], sources) {
        shape += &format!(" ← {line}");
    }
    shape
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

/// Una vuelta del bucle empieza en cada espera.
fn without_repeated_turns(calls: &[String]) -> Vec<String> {
    const WAITS: [&str; 5] = ["select(", "pselect6(", "poll(", "ppoll(", "epoll_wait("];
    let is_wait = |call: &String| WAITS.iter().any(|wait| call.starts_with(wait));
    let mut turns: Vec<Vec<String>> = Vec::new();
    for call in calls {
        match turns.last_mut().filter(|_| !is_wait(call)) {
            Some(turn) => turn.push(call.clone()),
            None => turns.push(vec![call.clone()]),
        }
    }
    turns.dedup();
    turns.concat()
}
