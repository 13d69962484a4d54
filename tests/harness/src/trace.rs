//! La traza de un programa: lo que escribió con `--trace`, en orden.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::program::{Program, Running};
use crate::waiting::DEFAULT_LIMIT;

/// Un archivo de traza, que se borra al soltarlo.
///
/// ```no_run
/// # use harness::{Failure, Program, Trace};
/// # fn main() -> Result<(), Failure> {
/// let trace = Trace::new();
/// let server = trace.of(Program::new("target/debug/aplic_02_04")).start()?;
/// trace.wait_for(&server, "que escucha", |step| step.what() == "listen")?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Trace(PathBuf);

impl Trace {
    /// Un archivo que nadie más usa.
    #[allow(clippy::new_without_default, reason = "cada uno es otro archivo")]
    pub fn new() -> Trace {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Trace(env::temp_dir().join(format!("traza_{}_{number}.jsonl", process::id())))
    }

    /// El programa, con la opción que hace que la escriba.
    pub fn of(&self, program: Program) -> Program {
        program.arg("--trace").arg(&self.0)
    }

    /// Dónde está.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Los pasos hasta ahora.
    pub fn steps(&self) -> Result<Vec<Step>, Failure> {
        let text = fs::read_to_string(&self.0)?;
        // Lo que siga al último fin de línea se está escribiendo todavía.
        text.split_inclusive('\n').filter(|line| line.ends_with('\n')).map(Step::parse).collect()
    }

    /// Los de un cliente.
    pub fn steps_of(&self, client: u64) -> Result<Vec<Step>, Failure> {
        let mut steps = self.steps()?;
        steps.retain(|step| step.client() == Some(client));
        Ok(steps)
    }

    /// Espera a que haya un paso como ese. `what` completa la frase «se esperaba que la traza
    /// cuente…».
    pub fn wait_for(
        &self,
        program: &Running,
        what: &str,
        wanted: impl Fn(&Step) -> bool,
    ) -> Result<(), Failure> {
        let told = || self.steps().is_ok_and(|steps| steps.iter().any(&wanted));
        program.eventually(&format!("la traza cuente {what}"), DEFAULT_LIMIT, told)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Un paso, con los campos que documenta `src/steps.rs`.
#[derive(Debug, Clone)]
pub struct Step(Map<String, Value>);

impl Step {
    fn parse(line: &str) -> Result<Step, Failure> {
        match serde_json::from_str(line) {
            Ok(Value::Object(fields)) => Ok(Step(fields)),
            _ => Err(Failure::new(format!("Una línea de la traza no es un objeto JSON: {line}"))),
        }
    }

    /// Un campo, si lo lleva.
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Un campo que es un número.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.field(name)?.as_u64()
    }

    /// Un campo que es un texto; vacío, si no lo lleva.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Qué paso es: `accept`, `read`…
    pub fn what(&self) -> &str {
        self.text("what")
    }

    /// De qué cliente, si es de uno.
    pub fn client(&self) -> Option<u64> {
        self.number("client")
    }
}
