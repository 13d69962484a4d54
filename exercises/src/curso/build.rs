//! Compilar pruebas con cargo, y saber cuáles no compilan y por qué.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use launcher::{Moving, WHOLE_COURSE};
use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use serde::Deserialize;

use crate::group::{self, gather, joined};
use crate::paint;

/// Lo que puede tardar una compilación sin que nadie se pregunte si pasa algo.
const PATIENCE: Duration = Duration::from_secs(1);

/// Lo que salió de compilar.
#[derive(Debug, Default)]
pub(crate) struct Built {
    /// El ejecutable de cada prueba que compila.
    pub(crate) executables: BTreeMap<String, PathBuf>,
    /// Lo que dijo rustc de cada prueba: errores y avisos.
    pub(crate) diagnostics: BTreeMap<String, String>,
    /// Las que tienen algún error, y no solo avisos.
    erroneous: BTreeSet<String>,
    /// Lo que cargo dio por terminado.
    finished: BTreeSet<String>,
    /// Las bibliotecas que se enlazan, y las macros que se cargan al compilar.
    pub(crate) libraries: Vec<Library>,
    /// Lo que dijo cargo, que importa si falla algo que no es una prueba.
    complaints: String,
    /// Se acabó el tiempo.
    late: bool,
}

/// Una biblioteca ya compilada.
#[derive(Debug)]
pub(crate) struct Library {
    /// El paquete, como lo nombra cargo(1).
    pub(crate) package: String,
    pub(crate) file: PathBuf,
}

/// Compila pruebas de un paquete.
pub(crate) struct Build {
    command: Command,
    /// Si, cuando se alarga, enseña cómo va.
    aloud: bool,
    /// Lo que puede durar, si no es lo que haga falta.
    limit: Option<Duration>,
    /// Si alguien ya no lo espera.
    abandoned: Option<Arc<AtomicBool>>,
}

impl Build {
    /// Los ejercicios, cuya carpeta es `folder`.
    pub(crate) fn exercises(folder: &Path) -> Build {
        let mut build = Build::of(folder);
        build.command.args(WHOLE_COURSE);
        build
    }

    /// El paquete cuyo `Cargo.toml` está en `folder`.
    pub(crate) fn of(folder: &Path) -> Build {
        Build::with("build", folder)
    }

    /// Lo mismo, pero solo lo examina clippy: qué dijo está en [`Built::clean`].
    pub(crate) fn lint(folder: &Path) -> Build {
        Build::with("clippy", folder)
    }

    fn with(order: &str, folder: &Path) -> Build {
        let mut command = Command::new(cargo());
        // Una prueba que no compila no impide compilar las demás.
        command.args([order, "--quiet", "--keep-going"]);
        let format = if paint::colours() { "json-diagnostic-rendered-ansi" } else { "json" };
        command.arg("--message-format").arg(format);
        command.arg("--manifest-path").arg(folder.join("Cargo.toml"));
        Build { command, aloud: false, limit: None, abandoned: None }
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Build {
        self.command.arg(arg);
        self
    }

    pub(crate) fn tests<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Build {
        for name in names {
            self.command.arg("--test").arg(name);
        }
        self
    }

    /// Si se alarga y hay una terminal, enseña cómo va, para que nadie crea que se quedó colgado.
    pub(crate) fn aloud(self) -> Build {
        Build { aloud: true, ..self }
    }

    /// Si dura más, se deja a medias: lo que no llegó a compilarse está en [`NotBuilt::Late`].
    pub(crate) fn limit(self, limit: Duration) -> Build {
        Build { limit: Some(limit), ..self }
    }

    /// Si alguien abandona, se deja a medias, como si se acabara el tiempo.
    pub(crate) fn unless(self, abandoned: &Arc<AtomicBool>) -> Build {
        Build { abandoned: Some(Arc::clone(abandoned)), ..self }
    }

    /// Compila. Que una prueba no compile no es un fallo: está en [`Built::diagnostics`].
    pub(crate) fn run(mut self) -> Result<Built, Trouble> {
        let may_be_cut = self.limit.is_some() || self.abandoned.is_some();
        if may_be_cut {
            // En su propio grupo: si hay que terminarlo, con los rustc que haya arrancado.
            self.command.process_group(0);
        }
        let mut child = group::spawn(&mut self.command).map_err(|error| {
            Trouble::new(
                format!("no se puede ejecutar cargo: {}", errors::reason(&error)),
                "instala Rust con rustup (https://rustup.rs)",
            )
        })?;
        let moving = self.aloud.then(|| Moving::after(PATIENCE)).flatten();
        let said = gather(child.stdout.take(), move |pipe| read_all(pipe, moving.as_ref()));
        let complaints =
            gather(child.stderr.take(), |pipe| io::read_to_string(pipe).unwrap_or_default());
        let status = if may_be_cut {
            let limit = self.limit.unwrap_or(Duration::MAX);
            group::wait(&mut child, limit, &self.abandoned.unwrap_or_default())?
        } else {
            Some(child.wait()?)
        };
        let mut built = Built { late: status.is_none(), ..Built::default() };
        joined(said).lines().for_each(|line| built.take(line));
        built.complaints = joined(complaints);
        Ok(built)
    }
}

/// Lo que dice cargo; mientras tanto, `moving` enseña cómo va.
fn read_all(pipe: impl Read, moving: Option<&Moving>) -> String {
    let mut text = String::new();
    for line in BufReader::new(pipe).lines().map_while(Result::ok) {
        if let Some(moving) = moving {
            moving.saw(&line);
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

impl Built {
    /// El ejecutable de esa prueba.
    ///
    /// # Errors
    /// No compila, o cargo no llegó a compilarla: lo que dijo.
    pub(crate) fn executable(&self, name: &str) -> Result<&Path, NotBuilt> {
        if let Some(executable) = self.executables.get(name) {
            return Ok(executable);
        }
        // Un rustc que muere no deja errores; cargo, sí, dice con qué prueba estaba.
        let named = self.complaints.contains(&format!("(test \"{name}\")"));
        Err(match self.diagnostics.get(name) {
            Some(diagnostics) if self.erroneous.contains(name) => {
                NotBuilt::Code(diagnostics.clone())
            }
            _ if self.late => NotBuilt::Late,
            _ if named => NotBuilt::Code(self.complaints.clone()),
            _ => NotBuilt::Cargo(self.complaints.clone()),
        })
    }

    /// Si se terminó con esa prueba sin un solo aviso.
    ///
    /// # Errors
    /// Hay avisos o errores, o cargo no llegó a ella: lo que dijo.
    pub(crate) fn clean(&self, name: &str) -> Result<(), NotBuilt> {
        match self.diagnostics.get(name) {
            Some(diagnostics) => Err(NotBuilt::Code(diagnostics.clone())),
            None if self.finished.contains(name) => Ok(()),
            None => Err(NotBuilt::Cargo(self.complaints.clone())),
        }
    }

    fn take(&mut self, line: &str) {
        // Lo que no es de rustc, ni un ejecutable, no interesa.
        let Ok(message) = serde_json::from_str::<Message>(line) else { return };
        match message {
            // La cuenta final («aborting due to 2 previous errors») no añade nada.
            Message::Diagnostic { target, message } if !message.spans.is_empty() => {
                if message.level == "error" {
                    self.erroneous.insert(target.name.clone());
                }
                self.diagnostics.entry(target.name).or_default().push_str(&message.rendered);
            }
            Message::Artifact { package_id, target, executable, filenames } => {
                self.finished.insert(target.name.clone());
                let linked =
                    |file: &PathBuf| file.extension().is_some_and(|it| it == "rlib" || it == "so");
                self.libraries.extend(
                    filenames
                        .into_iter()
                        .filter(linked)
                        .map(|file| Library { package: package_id.clone(), file }),
                );
                self.executables.extend(executable.map(|file| (target.name, file)));
            }
            _ => {}
        }
    }
}

/// Por qué no hay ejecutable.
#[derive(Debug)]
pub(crate) enum NotBuilt {
    /// El código no compila; lo que dijo rustc.
    Code(String),
    /// Algo distinto falló; lo que dijo cargo.
    Cargo(String),
    /// No dio tiempo.
    Late,
}

impl NotBuilt {
    /// Lo que se dijo al respecto.
    pub(crate) fn text(&self) -> &str {
        match self {
            NotBuilt::Code(text) | NotBuilt::Cargo(text) => text.trim_end(),
            NotBuilt::Late => "No dio tiempo a compilarlo.",
        }
    }
}

/// El cargo que ejecuta esto, o el que haya.
pub(crate) fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

#[derive(Deserialize)]
#[serde(tag = "reason")]
enum Message {
    #[serde(rename = "compiler-message")]
    Diagnostic { target: Target, message: Diagnostic },
    #[serde(rename = "compiler-artifact")]
    Artifact {
        package_id: String,
        target: Target,
        executable: Option<PathBuf>,
        filenames: Vec<PathBuf>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: String,
    spans: Vec<serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;
    use tempfile::TempDir;

    /// Lo que dice cargo de una prueba con la que rustc emitió un mensaje de ese nivel.
    fn after(level: &str) -> Built {
        let mut built = Built::default();
        built.take(&format!(
            r#"{{"reason":"compiler-message","target":{{"name":"eco"}},
                "message":{{"level":"{level}","rendered":"mensaje","spans":[{{}}]}}}}"#
        ));
        built
    }

    #[test]
    fn un_aviso_no_es_lo_que_impide_compilar() {
        assert!(matches!(after("error").executable("eco"), Err(NotBuilt::Code(_))));
        let late = Built { late: true, ..after("warning") };
        assert!(matches!(late.executable("eco"), Err(NotBuilt::Late)));
        let late = Built { late: true, ..after("error") };
        assert!(matches!(late.executable("eco"), Err(NotBuilt::Code(_))));
    }

    #[test]
    fn si_rustc_muere_la_culpa_es_de_la_prueba_que_compilaba() {
        let complaints = "error: could not compile `taller` (test \"eco\")".to_owned();
        let built = Built { complaints, ..Built::default() };
        assert!(matches!(built.executable("eco"), Err(NotBuilt::Code(_))));
        assert!(matches!(built.executable("otra"), Err(NotBuilt::Cargo(_))));
    }

    #[test]
    fn lo_que_no_termina_de_compilarse_se_deja() {
        let folder = TempDir::new().unwrap();
        let endless = "#![allow(long_running_const_eval)]\n\
                       const NEVER: u64 = { let mut i = 0; while i < u64::MAX { i += 1 } i };\n\
                       #[test] fn nunca() { assert_eq!(NEVER, u64::MAX); }\n";
        let manifest = "[package]\nname = \"sin-fin\"\nedition = \"2024\"\nautotests = false\n\
                        [workspace]\n[lib]\npath = \"lib.rs\"\n\
                        [[test]]\nname = \"sin_fin\"\npath = \"sin_fin.rs\"\n";
        for (name, text) in [("Cargo.toml", manifest), ("lib.rs", ""), ("sin_fin.rs", endless)] {
            write(&folder.path().join(name), text).unwrap();
        }
        let built = Build::of(folder.path())
            .arg("--target-dir")
            .arg(folder.path().join("target"))
            .tests(["sin_fin"])
            .limit(Duration::from_secs(3))
            .run()
            .unwrap();
        assert!(matches!(built.executable("sin_fin"), Err(NotBuilt::Late)), "{built:?}");
    }
}
