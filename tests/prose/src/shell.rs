//! Ejecutar aquí una orden escrita para quien lee.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use harness::{Exit, Failure, Program, tools};
use regex_lite::Regex;

use crate::LIMIT;
use crate::alike::regex;

/// Los programas que usa el texto y pueden faltar.
const TOOLS: [&str; 8] = ["curl", "nc", "ss", "ps", "pgrep", "strace", "python3", "bwrap"];

/// La orden, en `bash`, en esa carpeta y como en una terminal, la lance quien la lance: sin más
/// descriptores abiertos que los de siempre ni intermediario (`http_proxy`), con las señales sin
/// tocar (si no, Ctrl-C no haría nada en lo que se arranca en segundo plano) y con letras de varios
/// bytes. `curl` no enseña allí el progreso de lo que se ve llegar.
pub fn shell(folder: &Path, command: &str) -> Program {
    // Con `;`, y no con `&&`, bash se convierte en la última orden: las señales son para ella.
    let script = format!("curl() {{ command curl -s \"$@\"; }}; cd \"$0\"; {command}");
    Program::new("env")
        .without_inherited_descriptors()
        .env("no_proxy", "*")
        .args(["--default-signal", "LC_ALL=C.UTF-8", "bash", "-c", &script])
        .arg(folder)
}

/// La ejecuta hasta que termine, con alguien que teclea `typed` y después Ctrl-D. Las dos salidas
/// van mezcladas, como en una terminal.
pub fn run(folder: &Path, command: &str, typed: &str) -> Result<Exit, Failure> {
    shell(folder, &format!("exec 2>&1; {command}")).run_to_end(typed, LIMIT)
}

/// La orden, con los ejecutables de esta compilación en lugar de `cargo run` y `target/debug/`.
pub fn as_here(command: &str) -> io::Result<String> {
    // Una ruta puede llevar espacios, y la orden puede estar ya entre comillas.
    let plain = |letter: char| letter.is_alphanumeric() || "/._-+".contains(letter);
    let escaped = |letter| if plain(letter) { String::from(letter) } else { format!("\\{letter}") };
    let programs: String = program("")?.display().to_string().chars().map(escaped).collect();
    // En este orden: la carpeta de los ejecutables también puede llamarse `target/debug`.
    Ok(command
        .replace("target/debug/", &programs)
        .replace("cargo run --bin ", &programs)
        .replace("cargo run --example ", &format!("{programs}examples/"))
        .replace(" -- ", " "))
}

/// La orden, con el número `pid` donde pregunta con `pgrep` por el proceso que se llama `name`. Que
/// pregunte por otro es un fallo.
pub fn with_process(command: &str, name: &str, pid: u32) -> Result<String, Failure> {
    static QUESTION: LazyLock<Regex> = LazyLock::new(|| regex(r"\$\(pgrep ([^)]*)\)"));
    // Basta el principio del nombre, si no puede ser el de otro.
    let names = |word: &str| word.len() > 5 && name.starts_with(word);
    let asked = QUESTION.captures(command).filter(|asked| !asked[1].split(' ').any(names));
    if let Some(asked) = asked {
        return Err(Failure::new(format!(
            "«pgrep {}» no encuentra el proceso de {name}.",
            &asked[1]
        )));
    }
    Ok(QUESTION.replace_all(command, pid.to_string()).into_owned())
}

/// El ejecutable de esta compilación que se llama así: está encima de los de las pruebas.
pub fn program(name: &str) -> io::Result<PathBuf> {
    let ours = env::current_exe()?;
    Ok(ours.parent().and_then(Path::parent).unwrap_or(Path::new(".")).join(name))
}

/// Compila con esas palabras de `cargo` lo que es de otro paquete, con el mismo perfil y en la misma
/// carpeta que esta prueba: [`program`] dice dónde queda. Errores: no compila.
///
/// Con `test --no-run --test`, y una prueba de ese paquete, salen también sus programas, y con las mismas
/// bibliotecas que `cargo test`; con `build`, se compilan otras.
pub fn build(words: &[&str]) -> Result<(), Failure> {
    let folder = program("")?;
    let mut build = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(words).arg("--quiet");
    build.args(folder.ends_with("release").then_some("--release"));
    build.arg("--target-dir").arg(folder.parent().unwrap_or(&folder));
    if build.stdin(Stdio::null()).status()?.success() {
        return Ok(());
    }
    Err(Failure::new(format!("No compila: cargo {}.", words.join(" "))))
}

/// Si en esta máquina está todo lo que usan esas órdenes. Si no, deja constancia de que queda
/// `untested` sin probar; en la integración continua, que lo instala, es un fallo.
pub fn possible<'a>(
    commands: impl IntoIterator<Item = &'a str>,
    untested: &str,
) -> Result<bool, Failure> {
    let words = |command: &'a str| command.split(|letter: char| !letter.is_alphanumeric());
    let used: Vec<&str> = commands.into_iter().flat_map(words).collect();
    for tool in TOOLS.into_iter().filter(|tool| used.contains(tool)) {
        if !tools::available(tool, untested)? || (tool == "strace" && !strace_may_watch(untested)?)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Donde no se permite ptrace(2), `strace` no puede hacer nada: en un contenedor de Docker anterior
/// a la versión 19.03, o con un filtro de llamadas más estricto que el suyo.
fn strace_may_watch(untested: &str) -> Result<bool, Failure> {
    let watched = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    if watched.is_ok_and(|outcome| outcome.status.success()) {
        return Ok(true);
    }
    tools::skip("strace no puede observar a otro proceso", untested).map(|()| false)
}
