//! Los pasos de una grabación, numerados como en la página: `#paso=42` es el 42 aquí y en ella.
//!
//! Una llamada es un paso, en el momento en que termina. Si el hilo durmió en ella son dos: se duerme
//! y despierta. Lo demás (un hilo, un final) es un paso si hay algo que decir de ello. Van por orden
//! de momento y, a igual momento, como llegaron.

use std::collections::BTreeSet;

use serde_json::Value;

/// Un paso.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Cuándo: microsegundos desde el comienzo.
    pub us: u64,
    /// En qué hilo.
    pub thread: u64,
    /// Qué pasa.
    pub text: String,
    /// Por qué importa, si hay algo que decir.
    pub why: Option<String>,
}

/// Los pasos de unos registros ya contados, en orden.
pub fn turns(told: &[Value]) -> Vec<Turn> {
    let mut asleep = BTreeSet::new();
    let mut turns: Vec<_> = told.iter().flat_map(|record| steps(record, &mut asleep)).collect();
    turns.sort_by_key(|turn| turn.us);
    turns
}

type Key = (u64, u64, String);

fn steps(record: &Value, asleep: &mut BTreeSet<Key>) -> Vec<Turn> {
    match text(&record["what"]) {
        "call" => call(record, asleep),
        "sample" | "source" | "recording" => Vec::new(),
        _ => Some(told(record, number(&record["us"])))
            .filter(|turn| !turn.text.is_empty())
            .into_iter()
            .collect(),
    }
}

fn call(record: &Value, asleep: &mut BTreeSet<Key>) -> Vec<Turn> {
    let (us, thread) = (number(&record["us"]), number(&record["thread"]));
    let key = (us, thread, text(&record["call"]).to_owned());
    let Some(took) = record["took"].as_u64() else {
        let fresh = asleep.insert(key);
        return if fresh { vec![falling(record, us)] } else { Vec::new() };
    };
    let known = asleep.remove(&key);
    let falls = !known && record["asleep"].is_string();
    let mut wakes = told(record, us.saturating_add(took));
    if wakes.text.is_empty() {
        wakes.text = unsaid(record);
    }
    falls.then(|| falling(record, us)).into_iter().chain([wakes]).collect()
}

/// De lo que no hay nada que contar, qué se llamó y qué dio: `recvfrom: ERESTART`.
fn unsaid(record: &Value) -> String {
    let result =
        record["result"].as_i64().map_or_else(|| "?".to_owned(), |result| result.to_string());
    let outcome = record["error"].as_str().map_or(result, str::to_owned);
    format!("{}: {outcome}", text(&record["call"]))
}

/// El paso en el que el hilo se duerme.
fn falling(record: &Value, us: u64) -> Turn {
    let text = record["asleep"].as_str().map(str::to_owned);
    let text = text.unwrap_or_else(|| format!("{}: se duerme", self::text(&record["call"])));
    Turn { us, thread: number(&record["thread"]), text, why: None }
}

fn told(record: &Value, us: u64) -> Turn {
    let say = record["say"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let text = say.collect::<Vec<_>>().join(" · ");
    let why = record["why"].as_str().map(str::to_owned);
    Turn { us, thread: number(&record["thread"]), text, why }
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn dormirse_y_despertar_son_dos_pasos_y_van_donde_ocurren() {
        let told = [
            json!({"what": "recording", "command": ["x"]}),
            json!({"what": "call", "call": "select", "us": 10, "took": 50, "thread": 1,
                   "say": ["select: 1 listo", "listo: 4"], "why": "porque sí", "asleep": "a dormir"}),
            json!({"what": "call", "call": "read", "us": 20, "took": 1, "thread": 2, "say": ["lee"]}),
            json!({"what": "sample", "us": 30}),
            json!({"what": "exit", "us": 60, "thread": 1}),
        ];
        let found = turns(&told);
        let texts: Vec<_> = found.iter().map(|turn| (turn.us, turn.text.as_str())).collect();
        assert_eq!(texts, [(10, "a dormir"), (21, "lee"), (60, "select: 1 listo · listo: 4")]);
        assert_eq!(found[2].why.as_deref(), Some("porque sí"));
    }

    #[test]
    fn quien_ya_se_había_dormido_solo_despierta() {
        let told = [
            json!({"what": "call", "call": "recv", "us": 10, "thread": 1}),
            json!({"what": "call", "call": "recv", "us": 10, "took": 5, "thread": 1,
                   "say": ["despierta"], "asleep": "a dormir"}),
        ];
        let texts: Vec<_> = turns(&told).into_iter().map(|turn| turn.text).collect();
        assert_eq!(texts, ["recv: se duerme", "despierta"]);
    }
}
