//! Ver por dentro: `-v` para las personas, `--trace ARCHIVO` para las herramientas.
//!
//! Las lecciones describen cada paso con un evento de `tracing`, de nivel `DEBUG`: una frase
//! en español y unos campos. `-v` escribe la frase en la salida de errores, precedida de los
//! segundos desde el arranque; `--trace` escribe los campos. Apagados, cada evento cuesta una
//! comparación.
//!
//! # El formato de `--trace`
//!
//! JSON Lines: un objeto por línea, en el orden en que ocurrió cada paso dentro de su hilo.
//!
//! | campo | tipo | qué es |
//! |---|---|---|
//! | `us` | entero | microsegundos desde que arrancó el programa |
//! | `thread` | texto | nombre del hilo |
//! | `what` | texto | el paso: `listen`, `wait`, `ready`, `accept`, `read`, `write`, `register`, `modify`, `refuse`, `timeout`, `leave`, `shutdown`, `close`, `pause`, `resume`, `stdin`, `stop` |
//! | `fd` | entero | descriptor de archivo, si el paso es sobre uno |
//! | `client` | entero | identificador del cliente, que no se reutiliza |
//! | `bytes` | entero | bytes leídos o escritos |
//! | `result` | texto o entero | lo que dio: cuántos listos (`wait`), sobre qué (`ready`: `EPOLLIN`…), por qué (`close`) o el error |
//!
//! `us`, `thread` y `what` están siempre; los demás, cuando tienen sentido. Quien lea el
//! formato debe pasar por alto los campos que no conozca.

use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::Instant;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// Enciende lo que se haya pedido; sin `-v` ni `--trace` no hace nada.
///
/// # Errors
/// El archivo de `--trace` no se puede crear.
pub fn start(verbose: bool, trace: Option<&Path>) -> io::Result<()> {
    if !verbose && trace.is_none() {
        return Ok(());
    }
    let origin = Instant::now();
    let sentences = verbose.then_some(Sentences { origin });
    let records = trace.map(File::create).transpose()?.map(|file| Records { origin, file });
    tracing_subscriber::registry()
        .with(sentences)
        .with(records)
        .with(LevelFilter::DEBUG)
        .try_init()
        .map_err(|error: TryInitError| io::Error::other(error))
}

/// Una cantidad con su nombre, para las frases: «1 listo», «2 listos».
pub fn counted(count: impl TryInto<usize>, one: &str, many: &str) -> String {
    let count = count.try_into().unwrap_or(usize::MAX);
    format!("{count} {}", if count == 1 { one } else { many })
}

/// La frase de cada paso, en la salida de errores.
struct Sentences {
    origin: Instant,
}

impl<S: Subscriber> Layer<S> for Sentences {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut sentence = Sentence(String::new());
        event.record(&mut sentence);
        let seconds = self.origin.elapsed().as_secs_f64();
        let line = format!("[{seconds:11.6}] {}\n", sentence.0);
        // Si la salida de errores se ha cerrado no queda a quién contárselo.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

struct Sentence(String);

impl Visit for Sentence {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// Los campos de cada paso, una línea JSON en el archivo.
struct Records {
    origin: Instant,
    file: File,
}

impl<S: Subscriber> Layer<S> for Records {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut record = Record(Map::new());
        let us = u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX);
        record.0.insert("us".into(), us.into());
        record.0.insert("thread".into(), thread::current().name().unwrap_or("").into());
        event.record(&mut record);
        let line = format!("{}\n", Value::Object(record.0));
        // Una sola escritura por línea: los hilos no se mezclan, y nada se pierde si el
        // proceso muere. Sin disco, el programa sigue: la lección importa más que su traza.
        let _ = (&self.file).write_all(line.as_bytes());
    }
}

struct Record(Map<String, Value>);

impl Record {
    fn insert(&mut self, field: &Field, value: Value) {
        if field.name() != "message" {
            self.0.insert(field.name().into(), value);
        }
    }
}

impl Visit for Record {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, format!("{value:?}").into());
    }
}
