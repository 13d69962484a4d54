//! El arranque de `cargo curso`, con un cargo de mentira.

#![expect(clippy::unwrap_used, reason = "también lo que ayuda a las pruebas es parte de ellas")]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use harness::{Failure, Program, Stream};
use tempfile::TempDir;

const LIMIT: Duration = Duration::from_secs(10);

/// Cuenta sus llamadas, «compila» una pieza, espera a que exista `seguir` y deja un `curso` que dice
/// con qué lo llamaron.
const CARGO: &str = r#"#!/bin/sh
cd "${0%/*}"
echo x >> llamadas
echo '{"reason":"compiler-artifact","target":{"name":"nix"},"fresh":false}'
until [ -e seguir ]; do sleep 0.02; done
[ -e falla ] && exit 101
printf '#!/bin/sh\necho "curso: $*"; exit 7\n' > curso
chmod 755 curso
echo "curso: $PWD/fuente.rs" > curso.d
"#;

/// Una carpeta con el programa, como en `target/debug`, y ese cargo. Los escribe otro proceso: si lo
/// que arrancan las demás pruebas heredara uno a medio escribir, no se podría ejecutar (ETXTBSY,
/// execve(2)).
fn laid_out() -> TempDir {
    let folder = TempDir::new().unwrap();
    let script = "cp \"$1\" \"$0/launcher\" && printf %s \"$2\" > \"$0/cargo\" && chmod 755 \"$0/cargo\" \
                  && mkdir -p \"$0/curso_dado/exercises/launcher\" \"$0/curso_dado/.cargo\" \
                  && touch \"$0/fuente.rs\" \"$0/curso_dado/Cargo.lock\" \"$0/curso_dado/.cargo/config.toml\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(folder.path()).arg(env!("CARGO_BIN_EXE_launcher")).arg(CARGO);
    assert!(shell.status().unwrap().success());
    folder
}

fn launcher(folder: &Path) -> Program {
    Program::new(folder.join("launcher"))
        .args(["probar", "eco"])
        .env("CARGO", folder.join("cargo"))
        .env("CARGO_MANIFEST_DIR", folder.join("curso_dado/exercises/launcher"))
}

fn calls(folder: &Path) -> usize {
    fs::read_to_string(folder.join("llamadas")).unwrap_or_default().lines().count()
}

#[test]
fn la_primera_vez_se_ve_que_avanza_y_después_no_se_compila_nada() -> Result<(), Failure> {
    let folder = laid_out();
    let first = launcher(folder.path()).on_terminal(80, 24).spawn()?;
    first.wait_for_text(Stream::Stdout, "alrededor de medio minuto", LIMIT)?;
    first.wait_for_text(Stream::Stdout, "1 pieza (nix)", LIMIT)?;
    fs::write(folder.path().join("seguir"), "")?;
    first.wait_for_text(Stream::Stdout, "curso: probar eco", LIMIT)?;
    assert_eq!(first.wait(LIMIT)?.code, Some(7));
    let again = launcher(folder.path()).run_to_end("", LIMIT)?;
    assert_eq!((again.stdout.as_str(), again.code), ("curso: probar eco\n", Some(7)));
    assert_eq!((again.stderr.as_str(), calls(folder.path())), ("", 1));
    Ok(())
}

#[test]
fn si_el_código_cambió_se_compila_otra_vez() -> Result<(), Failure> {
    let folder = laid_out();
    fs::write(folder.path().join("seguir"), "")?;
    launcher(folder.path()).run_to_end("", LIMIT)?;
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::create(folder.path().join("fuente.rs"))?.set_modified(later)?;
    launcher(folder.path()).run_to_end("", LIMIT)?;
    assert_eq!(calls(folder.path()), 2);
    Ok(())
}

#[test]
fn si_no_compila_lo_dice_en_una_línea() -> Result<(), Failure> {
    let folder = laid_out();
    fs::write(folder.path().join("seguir"), "")?;
    fs::write(folder.path().join("falla"), "")?;
    let failed = launcher(folder.path()).run_to_end("", LIMIT)?;
    assert_eq!(failed.code, Some(1));
    let last = failed.stderr.lines().last().unwrap_or_default();
    assert!(last.starts_with("curso: cargo no pudo compilar la herramienta."), "{last}");
    Ok(())
}
