//! Quien pasa las pruebas de un ejercicio, ante código que no se porta bien. Este ejecutable es
//! también el de las pruebas que se portan mal: las pasa él mismo, y comprueba qué se contó.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "es una prueba")]
#![expect(clippy::unnecessary_wraps, reason = "todas las pruebas devuelven lo mismo")]

use std::env;
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::panic;
use std::process::{self, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use ejercicios::prelude::*;
use ejercicios::runner::{self, Ending, JUDGED, Record, Test, Verdict, key, open, seal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Lo que se espera, como mucho, a que llegue algo.
const PATIENCE: Duration = Duration::from_secs(30);

/// La variable que pide [`KILLER`] en lugar de las demás.
const WITH_KILLER: &str = "ENCARGADO_MUERE";

/// Cada prueba, cómo ha de acabar y qué se ha de leer.
const ALL: [(Test, Ending, &str); 14] = [
    (Test::new("pasa", || Ok(())), Ending::Passed, ""),
    (Test::new("falla", fails), Ending::Failed, "No es así."),
    (Test::new("termina", || process::exit(0)), Ending::Died, "terminó con el código 0"),
    (Test::new("aborta", || process::abort()), Ending::Died, "lo mató la señal SIGABRT"),
    (Test::new("se_mata", || hit(process::id())), Ending::Died, "lo mató la señal SIGKILL"),
    (Test::new("miente", lies), Ending::Failed, "No es así."),
    (Test::new("se_juzga_sola", judges_itself), Ending::Failed, "No es así."),
    (Test::new("entra_en_pánico", || panic!("¡ay!")), Ending::Failed, "¡ay!"),
    (Test::new("entra_en_pánico_aparte", panics_aside), Ending::Failed, "¡ay, aparte!"),
    (Test::new("calla_los_pánicos", hushes_panics), Ending::Failed, "std::panic::set_hook"),
    (Test::new("provoca_un_pánico", provokes), Ending::Passed, ""),
    (Test::new("desborda_la_pila", || overflow(1)), Ending::Died, "desbordó la pila"),
    (Test::new("deja_a_alguien", leaves_somebody), Ending::Passed, ""),
    (Test::new("se_mira_por_dentro", looks_inside), Ending::Passed, ""),
];

const KILLER: Test = Test::new("mata_al_encargado", || hit(parent_id()));

fn main() -> ExitCode {
    let asked = env::args().nth(1).is_some_and(|word| word.starts_with('@'));
    if !asked {
        return check();
    }
    if env::var_os(WITH_KILLER).is_some() {
        return runner::main(&[KILLER], || Ok(()));
    }
    runner::main(&ALL.map(|(test, ..)| test), || Ok(()))
}

fn check() -> ExitCode {
    let (verdicts, ended) = judge(Command::new(env::current_exe().unwrap()));
    assert!(ended, "faltó el final");
    assert_eq!(verdicts.len(), ALL.len());
    for (test, ending, says) in ALL {
        let named =
            |verdict: &&Verdict| format!("{test:?}").contains(&format!("{:?}", verdict.name));
        let verdict = verdicts.iter().find(named).unwrap();
        assert_eq!(verdict.ending, ending, "{verdict:?}");
        let report = verdict.whole_report();
        assert!(report.contains(says), "{report}");
        assert!(!report.contains("fatal runtime error"), "{report}");
    }
    println!("\n  ✓ cada prueba tiene lo que merece");

    let mut command = Command::new(env::current_exe().unwrap());
    command.env(WITH_KILLER, "sí");
    let (verdicts, ended) = judge(command);
    assert!(verdicts.is_empty() && !ended, "{verdicts:?}");
    println!("  ✓ si muere el encargado, no hay final");

    let output = Command::new(env::current_exe().unwrap()).arg("@prueba").output().unwrap();
    assert!(!output.status.success());
    println!("  ✓ una prueba que nadie pidió no se hace\n");
    ExitCode::SUCCESS
}

/// Pide las pruebas, como `cargo curso`: los veredictos, y si llegó el final.
fn judge(mut command: Command) -> (Vec<Verdict>, bool) {
    let key = key().unwrap();
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    command.arg(JUDGED).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    drop(command);
    writeln!(ours, "{key}").unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut verdicts = Vec::new();
    let mut ended = false;
    for line in BufReader::new(ours).lines() {
        match open(&key, line.unwrap().as_bytes()).unwrap() {
            Record::Plan { .. } => assert!(verdicts.is_empty()),
            Record::Verdict(verdict) => verdicts.push(verdict),
            Record::End => ended = true,
        }
    }
    child.wait().unwrap();
    (verdicts, ended)
}

fn fails() -> Outcome {
    ensure(false, || "No es así.")
}

fn hit(process: u32) -> Outcome {
    kill(Pid::from_raw(process.cast_signed()), Signal::SIGKILL).unwrap();
    // Mientras llega.
    thread::sleep(PATIENCE);
    Ok(())
}

/// Escribe por todas partes que pasa.
fn lies() -> Outcome {
    let passed = r#"{"record":"verdict","name":"miente","ending":"passed"}"#;
    let passed: Record = serde_json::from_str(passed).unwrap();
    let line = seal("0", &passed).unwrap();
    let mut out = io::stdout();
    let _ = write!(out, "{line}test miente ... ok\n\ntest result: ok. 1 passed; 0 failed\n");
    for descriptor in 0..20 {
        let path = format!("/proc/self/fd/{descriptor}");
        if let Ok(mut file) = OpenOptions::new().write(true).open(path) {
            let _ = file.write_all(line.as_bytes());
        }
    }
    fails()
}

/// Llama al principio del programa, con otra prueba de su mismo nombre y algo que parece un encargado.
fn judges_itself() -> Outcome {
    let (mut boss, stdin) = UnixStream::pair()?;
    writeln!(boss, "0")?;
    nix::unistd::dup2_stdin(stdin).unwrap();
    let _ = runner::main(&[Test::new("se_juzga_sola", || Ok(()))], || Ok(()));
    fails()
}

fn panics_aside() -> Outcome {
    let _ = thread::spawn(|| panic!("¡ay, aparte!")).join();
    Ok(())
}

fn hushes_panics() -> Outcome {
    panic::set_hook(Box::new(|_| {}));
    panics_aside()
}

fn provokes() -> Outcome {
    let _ = thread::spawn(|| ejercicios::provoke()).join();
    Ok(())
}

#[expect(unconditional_recursion, reason = "de eso se trata")]
fn overflow(depth: u64) -> Outcome {
    let room = [depth; 1024];
    overflow(room[0] + 1)?;
    ensure(room[1] == depth, || "")
}

/// Deja en marcha, en otro grupo, a alguien que conserva las salidas.
fn leaves_somebody() -> Outcome {
    Command::new("setsid").args(["sleep", "2"]).spawn().map(drop)?;
    Ok(())
}

/// Quien no es root no puede abrir la memoria de su propio proceso.
fn looks_inside() -> Outcome {
    let opened = OpenOptions::new().read(true).write(true).open("/proc/self/mem").is_ok();
    // De quien es este proceso es lo que crea.
    let is_root = tempfile::tempfile()?.metadata()?.uid() == 0;
    ensure(!opened || is_root, || "Se dejó abrir /proc/self/mem.")
}
