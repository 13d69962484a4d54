//! Leer la traza: lo que `--trace` escribió, en orden.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Failure, Program, Server};
use serde_json::{Map, Value};

use crate::web::{self, SOON};

/// Un paso, con los campos que documenta `src/trace.rs`.
#[derive(Debug, Clone)]
pub(crate) struct Step(Map<String, Value>);

impl Step {
    fn parse(line: &str) -> Result<Step, Failure> {
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => Ok(Step(fields)),
            _ => Err(Failure::new(format!("Una línea de la traza no es un objeto JSON: {line}"))),
        }
    }

    pub(crate) fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.as_u64()
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.field(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn what(&self) -> &str {
        self.text("what")
    }

    pub(crate) fn client(&self) -> Option<u64> {
        self.number("client")
    }

    /// El despertar de un `epoll_wait`: el que dice cuántos hay listos.
    pub(crate) fn is_wake(&self) -> bool {
        self.what() == "wait" && self.field("result").is_some()
    }
}

/// El archivo de una traza, en la carpeta de pruebas de Cargo.
#[derive(Debug)]
pub(crate) struct Story(PathBuf);

impl Story {
    /// Arranca un servidor que escribe su traza en un archivo con ese nombre, que ha de ser único.
    pub(crate) fn server(name: &str, options: &[&str]) -> Result<(Server, Story), Failure> {
        Story::of(name, web::program().args(options))
    }

    /// Como [`Story::server`], con un programa ya preparado.
    pub(crate) fn of(name: &str, program: Program) -> Result<(Server, Story), Failure> {
        let story = Story::file(name);
        let server = program.arg("--trace").arg(story.path()).start()?;
        Ok((server, story))
    }

    pub(crate) fn file(name: &str) -> Story {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        Story(folder.join(format!("lesson_02_04_{name}.jsonl")))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Los pasos hasta ahora.
    pub(crate) fn steps(&self) -> Result<Vec<Step>, Failure> {
        let text = fs::read_to_string(&self.0)?;
        // Lo que siga al último fin de línea se está escribiendo todavía.
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(Step::parse).collect()
    }

    /// Los pasos de un cliente.
    pub(crate) fn of_client(&self, client: u64) -> Result<Vec<Step>, Failure> {
        let mut steps = self.steps()?;
        steps.retain(|step| step.client() == Some(client));
        Ok(steps)
    }

    /// Espera a que haya un paso como ese.
    pub(crate) fn wait_for(
        &self,
        server: &Server,
        what: &str,
        wanted: impl Fn(&Step) -> bool,
    ) -> Result<(), Failure> {
        let what = format!("la traza cuente {what}");
        server.eventually(&what, SOON, || self.steps().is_ok_and(|steps| steps.iter().any(&wanted)))
    }
}
