//! Lo que una lección escribió con `--trace`, convertido en una grabación. Cuenta menos que strace:
//! no trae los bytes, ni lo que guarda el núcleo; a cambio, no necesita a nadie que mire.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use serde::Deserialize;
use serde_json::Value;

use crate::error_names;
use crate::recording::{Call, Header, Interest, Place, Record, VERSION};

/// Una línea de `--trace`; su formato está en `multiplexacion::steps`.
#[derive(Deserialize)]
struct Step {
    us: u64,
    thread: String,
    file: String,
    line: u32,
    what: String,
    fd: Option<i32>,
    client: Option<u64>,
    bytes: Option<i64>,
    result: Option<Value>,
}

impl Step {
    /// Lo que dio, si es un texto: un error, un porqué, unas banderas.
    fn text(&self) -> &str {
        self.result.as_ref().and_then(Value::as_str).unwrap_or_default()
    }

    fn count(&self) -> Option<i64> {
        self.result.as_ref().and_then(Value::as_i64)
    }
}

/// Si es una línea de `--trace`.
pub(crate) fn is_step(value: &Value) -> bool {
    Step::deserialize(value).is_ok()
}

/// Los registros de unas líneas numeradas. Errores: el número de la que no es un paso.
pub(crate) fn records(lines: &[(usize, Value)]) -> Result<Vec<Record>, usize> {
    let steps = lines.iter().map(|(number, value)| Step::deserialize(value).map_err(|_| *number));
    let steps: Vec<Step> = steps.collect::<Result<_, _>>()?;
    let program = steps.first().map(|step| folder(&step.file)).unwrap_or_default();
    let command = vec![program, "--trace".to_owned()];
    let header = Header { version: VERSION, command, started: 0 };
    let mut converter = Converter::default();
    converter.records.push(Record::Recording(header));
    converter.records.extend(sources(&steps));
    converter.epoll = steps.iter().any(|step| step.what == "register");
    for step in &steps {
        converter.take(step);
    }
    Ok(converter.records)
}

/// `lessons/02_03_select_chat/server.rs` → `02_03_select_chat`.
fn folder(file: &str) -> String {
    let folder = Path::new(file).parent().and_then(Path::file_name).unwrap_or_default();
    folder.to_string_lossy().into_owned()
}

/// El código de los archivos que se nombran, si están: desde donde se está, o en el curso.
fn sources(steps: &[Step]) -> Vec<Record> {
    let mut files: Vec<_> = steps.iter().map(|step| &step.file).collect();
    files.sort();
    files.dedup();
    let found = files
        .into_iter()
        .filter_map(|file| Some(Record::Source { file: file.clone(), text: source(file)? }));
    found.collect()
}

fn source(file: &str) -> Option<String> {
    let path = Path::new(file);
    // La traza puede venir de cualquiera: que no enseñe otra cosa que código de esta carpeta.
    let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || path.extension()? != "rs" {
        return None;
    }
    let course = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(path).or_else(|_| fs::read_to_string(course.join(path))).ok()
}

#[derive(Default)]
struct Converter {
    records: Vec<Record>,
    threads: Vec<String>,
    /// La última espera de cada hilo, por su sitio en `records`.
    waits: BTreeMap<u32, usize>,
    listener: Option<i32>,
    /// Si el programa espera con epoll.
    epoll: bool,
}

impl Converter {
    fn take(&mut self, step: &Step) {
        let thread = self.thread(step);
        let client = step.client.filter(|client| *client > 0);
        let at =
            vec![Place { function: None, file: Some(step.file.clone()), line: Some(step.line) }];
        let (us, fd) = (step.us, step.fd);
        let call = |name: &str| {
            let (call, at, took) = (name.to_owned(), at.clone(), Some(0));
            Call { us, took, thread, call, fd, client, at, ..Call::default() }
        };
        let result = Some(0);
        let call = match step.what.as_str() {
            "listen" => {
                self.listener = fd;
                Call { result, ..call("listen") }
            }
            "wait" => {
                return self.wait(step, call(if self.epoll { "epoll_wait" } else { "select" }));
            }
            "ready" => return self.ready(step, thread),
            "accept" => Call { fd: self.listener, result: fd.map(i64::from), ..call("accept4") },
            "read" | "write" => moved(step, call(&step.what)),
            "register" => interest(step, "ADD", call("epoll_ctl")),
            "modify" => interest(step, "MOD", call("epoll_ctl")),
            "shutdown" if step.text().starts_with("SHUT_") => {
                Call { how: Some(step.text().to_owned()), result, ..call("shutdown") }
            }
            "shutdown" => Call { error: Some(error(step.text())), ..call("shutdown") },
            "close" => Call { result, ..call("close") },
            "lost" => {
                let count = step.count().and_then(|count| count.try_into().ok()).unwrap_or(0);
                return self.records.push(Record::Omitted { us, count });
            }
            // Lo que un programa piensa no es una llamada.
            _ => return,
        };
        self.records.push(Record::Call(Box::new(call)));
    }

    /// El número del hilo: 1, el primero.
    fn thread(&mut self, step: &Step) -> u32 {
        let known = self.threads.iter().position(|name| *name == step.thread);
        let index = known.unwrap_or_else(|| {
            self.threads.push(step.thread.clone());
            self.threads.len() - 1
        });
        let thread = u32::try_from(index + 1).unwrap_or(u32::MAX);
        if known.is_none() && index > 0 {
            let (us, name) = (step.us, Some(step.thread.clone()));
            self.records.push(Record::Thread { us, thread, parent: 1, process: false, name });
        }
        thread
    }

    /// Se duerme, o despierta.
    fn wait(&mut self, step: &Step, mut call: Call) {
        call.fd = None;
        match (step.count(), self.waits.get(&call.thread)) {
            (None, _) => call.took = None,
            (result, Some(&asleep)) if self.is_asleep(asleep) => {
                let Record::Call(slept) = &self.records[asleep] else { return };
                let took = Some(step.us.saturating_sub(slept.us));
                call = Call { took, result, slept: true, ..(**slept).clone() };
            }
            (result, _) => call.result = result,
        }
        self.waits.insert(call.thread, self.records.len());
        self.records.push(Record::Call(Box::new(call)));
    }

    fn is_asleep(&self, index: usize) -> bool {
        matches!(&self.records[index], Record::Call(call) if call.took.is_none())
    }

    /// Algo listo en la última espera de su hilo.
    fn ready(&mut self, step: &Step, thread: u32) {
        let Some(index) = self.waits.get(&thread) else { return };
        if let (Record::Call(wait), Some(fd)) = (&mut self.records[*index], step.fd) {
            wait.ready.push(Interest { fd, events: flags(step.text()), data: None });
        }
    }
}

/// Una lectura o una escritura: los bytes que viajaron, o por qué no.
fn moved(step: &Step, call: Call) -> Call {
    match step.bytes {
        Some(bytes) => Call { result: Some(bytes), ..call },
        None => Call { error: Some(error(step.text())), ..call },
    }
}

/// Lo que se vigila, desde ahora, de un descriptor.
fn interest(step: &Step, how: &str, call: Call) -> Call {
    let how = Some(how.to_owned());
    let target = |events| step.fd.map(|fd| Interest { fd, events, data: None });
    if step.text().starts_with("EPOLL") {
        let target = target(flags(step.text()));
        return Call { fd: None, how, target, result: Some(0), ..call };
    }
    Call { fd: None, how, target: target(String::new()), error: Some(error(step.text())), ..call }
}

/// `EPOLLIN | EPOLLOUT` → `EPOLLIN|EPOLLOUT`.
fn flags(text: &str) -> String {
    text.replace(" | ", "|")
}

/// El nombre de un error: la traza trae lo que se dice de él.
fn error(text: &str) -> String {
    error_names::name_of(text).unwrap_or_else(|| text.to_owned())
}
