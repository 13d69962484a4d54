//! Compilar y probar un ejercicio que entregó otra persona.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use multiplexacion::cli::Trouble;
use serde::Deserialize;

use super::allowance::{Allowance, Resource};
use super::guard::Guard;
use super::handed::Work;
use super::toolbox::{LIBRARIES, TOOLCHAIN, Toolbox};
use super::wall::{Wall, beginning};
use crate::course::{Course, Exercise, write};
use crate::group::{self, gather, joined};
use crate::trial::Trial;
use crate::workshop;

/// Cómo se llama, desde detrás del muro, la carpeta de lo que se compila, y el programa que se prueba.
const SOURCES: &str = "/entrega";
const PROGRAM: &str = "/pruebas";

/// Lo que no acompaña a lo entregado: con ello se aprobaría.
const KEPT_BACK: [&str; 4] = ["ejercicio.rs", "solucion.rs", "inicio.rs", "pistas.md"];

/// Lo más que puede ocupar un programa compilado, en bytes: los de una entrega se guardan fuera del muro,
/// todos, hasta que se prueban. Los corrientes no llegan a la décima parte.
const LARGEST: u64 = 64 << 20;

/// Lo que ningún ejercicio necesita, y con lo que se aprobaría sin hacerlo; y por qué. Son nombres, que
/// en Rust no se pueden escribir de otra manera.
const FORBIDDEN: [(&str, &str); 5] = [
    ("macro_export", "una macro suya sería la que usan las pruebas"),
    ("process_vm_", "leería y cambiaría la memoria de quien juzga"),
    ("set_dumpable", "dejaría leer la memoria de quien juzga"),
    ("set_hook", "callaría los pánicos de sus hilos"),
    ("take_hook", "callaría los pánicos de sus hilos"),
];

/// Las reglas del taller: solo importa si compila, y sin `unsafe`.
const RULES: [&str; 7] = [
    "--edition=2024",
    "--cfg=test",
    "--allow=warnings",
    "--forbid=unsafe_code",
    "--error-format=json",
    "-Cdebuginfo=0",
    "-Cstrip=debuginfo",
];

/// Quien compila y prueba.
pub(super) struct Bench<'a> {
    pub(super) course: &'a Course,
    pub(super) wall: &'a Wall,
    pub(super) tools: &'a Toolbox,
    /// Lo que puede durar compilar un ejercicio, y pasar sus pruebas.
    pub(super) time: Duration,
    /// Si alguien pidió parar.
    pub(super) stop: &'a Arc<AtomicBool>,
}

/// Lo que salió de compilar.
#[derive(Debug)]
pub(super) enum Compiled {
    Program(PathBuf),
    /// No compila: lo que dijo rustc.
    Errors(String),
    /// No acabó: qué se agotó.
    Exhausted(Resource),
}

impl Bench<'_> {
    /// Lo que se permite al compilar.
    pub(super) fn to_build(&self) -> Allowance {
        Allowance { time: self.time, ..Allowance::BUILD }
    }

    /// Y al pasar las pruebas.
    pub(super) fn to_run(&self) -> Allowance {
        Allowance { time: self.time, ..Allowance::RUN }
    }

    /// Comprueba que ahí se compila y se ejecuta. Si no, lo que se diga de cada cual no sería suyo.
    ///
    /// # Errors
    /// No se puede: por qué.
    pub(super) fn rehearse(&self) -> Result<(), Trouble> {
        let folder = workshop::empty(self.course, "ensayo")?;
        let mut source = String::from("fn main() {}\n");
        for name in self.tools.names() {
            source = source + "use " + name + " as _;\n";
        }
        write(&folder.join("pruebas.rs"), source)?;
        open_up(&folder)?;
        let failed = |said: &str| {
            Trouble::new(
                format!("aquí no se compila ni un programa vacío: {said}"),
                "comprueba que Rust y un compilador de C se pueden leer con cualquier usuario, o \
                 califica con --sin-aislar donde no haya nada que perder",
            )
        };
        match self.rustc(&folder, "pruebas.rs", "ensayo")? {
            Compiled::Program(program) => {
                let view = [(program.clone(), PROGRAM)];
                let words = [self.wall.seen(&program, PROGRAM).into_os_string()];
                let said = self.wall.hear(&view, &words, self.stop)?;
                said.success.then_some(()).ok_or_else(|| failed(said.errors.trim()))
            }
            Compiled::Errors(said) => Err(failed(said.trim())),
            Compiled::Exhausted(what) => Err(failed(&format!("{what:?}"))),
        }
    }

    /// Compila `work` con las pruebas de este curso.
    pub(super) fn compile(&self, work: &Work<'_>) -> Result<Compiled, Trouble> {
        if let Some(why) = forbidden(&work.code) {
            return Ok(Compiled::Errors(why));
        }
        let exercise = work.exercise;
        let folder = workshop::empty(self.course, &format!("entrega/{}", exercise.id))?;
        // Los archivos se llaman como los suyos, para que lo que diga rustc se entienda.
        let inner = format!("exercises/{}", exercise.id);
        lay_out(exercise, &folder.join(&inner))?;
        write(&folder.join(&inner).join("ejercicio.rs"), &work.code)?;
        open_up(&folder)?;
        self.rustc(&folder, &format!("{inner}/pruebas.rs"), &exercise.id)
    }

    fn rustc(&self, folder: &Path, source: &str, name: &str) -> Result<Compiled, Trouble> {
        let program = workshop::folder(self.course, "programas").join(name);
        fs::create_dir_all(program.parent().unwrap_or(&program))?;
        // Otro archivo, aunque se llame igual: el de antes quizá aún lo esté cerrando alguien.
        let _ = fs::remove_file(&program);
        let output = fs::File::create(&program)?;
        let views: Vec<_> =
            self.tools.views().into_iter().chain([(folder.to_owned(), SOURCES)]).collect();
        let allowed = self.to_build();
        let (mut command, trail) = self.wall.command(&allowed, &views, &self.words(folder, source));
        // Lo que compila no escribe en ninguna carpeta de fuera: el programa sale por la tubería.
        command.stdout(output).stderr(Stdio::piped()).process_group(0);
        let guard = Guard::post(trail, allowed, self.stop);
        let mut child = command.spawn()?;
        let said = gather(child.stderr.take(), beginning);
        let status = group::wait(&mut child, allowed.time, self.stop)?;
        let exhausted = guard.dismiss();
        let said = joined(said);
        let size = fs::metadata(&program)?.len();
        if status.is_some_and(|status| status.success()) && size <= LARGEST {
            // Sin leerse: quien empieza a ejecutar un archivo que no puede leer tampoco se deja mirar por
            // dentro, ni un instante (execve(2), prctl(2)).
            fs::set_permissions(&program, fs::Permissions::from_mode(0o111))?;
            return Ok(Compiled::Program(program));
        }
        let _ = fs::remove_file(&program);
        if size > LARGEST {
            return Ok(Compiled::Errors(format!(
                "El programa compilado pasa de {} MiB: no se prueba.",
                LARGEST >> 20
            )));
        }
        Ok(explain(status.is_none(), exhausted, &said))
    }

    /// Compila y, si compila, escribe el programa en la salida.
    fn words(&self, folder: &Path, source: &str) -> Vec<OsString> {
        let (wall, tools) = (self.wall, self.tools);
        let toolchain = wall.seen(tools.toolchain(), TOOLCHAIN);
        // En una carpeta suya: sin muro, la de escribir es de todos.
        let script = "d=$(mktemp -d) && cd \"$1\" && shift && \"$@\" -o \"$d/p\" >&2 && cat \"$d/p\"; \
                      s=$?; rm -rf \"$d\"; exit $s";
        let mut words: Vec<OsString> = ["sh", "-c", script, "sh"].map(OsString::from).into();
        words.push(wall.seen(folder, SOURCES).into());
        words.push(toolchain.join("bin/rustc").into());
        words.extend([source, "--crate-name", "pruebas"].map(OsString::from));
        words.extend(RULES.map(OsString::from));
        words.extend(tools.externs(&wall.seen(tools.libraries(), LIBRARIES)));
        words
    }

    /// Pasa las pruebas, y dice qué se agotó mientras.
    pub(super) fn run(&self, program: &Path) -> Result<(Trial, Option<Resource>), Trouble> {
        let views = [(program.to_owned(), PROGRAM)];
        let words = [self.wall.seen(program, PROGRAM).into_os_string()];
        let allowed = self.to_run();
        let (command, trail) = self.wall.command(&allowed, &views, &words);
        let guard = Guard::post(trail, allowed, self.stop);
        let trial = Trial::run_command(command, allowed.time);
        Ok((trial?, guard.dismiss()))
    }
}

/// Por qué no se compila, si nombra algo de [`FORBIDDEN`].
fn forbidden(code: &[u8]) -> Option<String> {
    let names = |name: &str| code.windows(name.len()).any(|some| some == name.as_bytes());
    let (name, why) = FORBIDDEN.into_iter().find(|(name, _)| names(name))?;
    Some(format!("No se admite `{name}`: {why}. Ningún ejercicio lo necesita."))
}

/// Copia lo que acompaña a un ejercicio: sus pruebas y lo que da hecho.
fn lay_out(exercise: &Exercise, folder: &Path) -> Result<(), Trouble> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(&exercise.folder)?.flatten() {
        let name = entry.file_name();
        if entry.file_type()?.is_file() && !KEPT_BACK.contains(&&*name.to_string_lossy()) {
            let mut text = fs::read(entry.path())?;
            if entry.path().extension().is_some_and(|it| it == "rs") {
                let guards = guards(&String::from_utf8_lossy(&text));
                text.extend(guards.into_bytes());
            }
            write(&folder.join(name), text)?;
        }
    }
    Ok(())
}

/// Lo que se añade a un archivo que trae por su nombre funciones o constantes de lo entregado: que sean
/// eso y nada más. Con el mismo nombre vendría también un rasgo, y los métodos que se llaman ahí serían
/// los suyos. Un módulo se llama en el mismo espacio de nombres que un rasgo: si hay uno, no compila.
fn guards(text: &str) -> String {
    let imports = text.split("ejercicio::").skip(1).zip(text.split("ejercicio::"));
    let imports = imports.filter(|(_, before)| {
        before.ends_with("use ")
            || before.ends_with("use super::")
            || before.ends_with("use crate::")
    });
    let names = imports.flat_map(|(after, _)| {
        let list = after.split(';').next().unwrap_or_default();
        list.trim_matches(['{', '}', ' ', '\n']).split(',').map(str::trim)
    });
    let is_value = |name: &&str| {
        let small = name.starts_with(|first: char| first.is_lowercase());
        small || (name.len() > 1 && !name.contains(char::is_lowercase))
    };
    let modules: Vec<_> = names.filter(is_value).map(|name| format!("mod {name} {{}}\n")).collect();
    modules.concat()
}

/// Deja leer una carpeta a quien está detrás del muro, que es otro usuario.
fn open_up(folder: &Path) -> Result<(), Trouble> {
    for entry in fs::read_dir(folder)?.flatten() {
        if entry.file_type()?.is_dir() {
            open_up(&entry.path())?;
        } else {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o644))?;
        }
    }
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Lo que dijo rustc, o qué se le agotó.
fn explain(late: bool, exhausted: Option<Resource>, said: &str) -> Compiled {
    if late {
        return Compiled::Exhausted(Resource::Time);
    }
    if let Some(exhausted) = exhausted {
        return Compiled::Exhausted(exhausted);
    }
    let errors: String = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Diagnostic>(line).ok())
        // La cuenta final («aborting due to 2 previous errors») no añade nada.
        .filter(|it| it.level == "error" && !it.message.starts_with("aborting due to"))
        .map(|diagnostic| diagnostic.rendered)
        .collect();
    let has = |words: &[&str]| words.iter().any(|words| said.contains(words));
    if has(&["No space left on device", "File too large", "file size limit"]) {
        Compiled::Exhausted(Resource::Disk)
    } else if has(&[
        "memory allocation of",
        "out of memory",
        "Cannot allocate memory",
        "more memory than available",
    ]) {
        Compiled::Exhausted(Resource::Memory)
    } else if errors.is_empty() {
        let last: Vec<_> =
            said.lines().rev().filter(|line| !line.starts_with('{')).take(5).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        Compiled::Errors(format!("rustc no llegó al final.\n{}", last.join("\n")))
    } else {
        Compiled::Errors(errors)
    }
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    message: String,
    rendered: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_se_trae_por_su_nombre_es_una_función_o_una_constante() {
        let text = "use std::io;\nuse ejercicio::{\n    BACKLOG, Room, accept,\n};\nuse super::ejercicio::listen;\nuse ejercicios::prelude::*;\nfn f() { ejercicio::other(); }\n";
        assert_eq!(guards(text), "mod BACKLOG {}\nmod accept {}\nmod listen {}\n");
    }
}
