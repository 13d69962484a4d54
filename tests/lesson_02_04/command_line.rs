//! La ayuda, los errores y los códigos de salida: 0, 1 o 2, y una sola línea en español.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::ffi::OsStringExt;

use harness::procfs::process::Process;
use harness::{Exit, Failure, Program, tools};

use super::web::{Outcome, PROGRAM, SOON};
use crate::photograph::photograph;

fn run<Word: Into<OsString>>(words: impl IntoIterator<Item = Word>) -> Result<Exit, Failure> {
    // Sin red, buscar un nombre que no existe puede tardar lo suyo.
    Program::new(PROGRAM).args(words).run_to_end("", SOON * 3)
}

/// Lo que contesta a esas palabras: una línea, que empieza por su nombre.
fn session(words: &str, exit: &Exit, code: i32) -> Result<String, Failure> {
    let answer = exit.complaint(code)?;
    assert!(answer.starts_with("aplic_02_04: "), "{exit}");
    Ok(format!("$ aplic_02_04 {words}\n{answer}"))
}

#[test]
fn la_ayuda_está_en_español() -> Outcome {
    let help = run(["--help"])?;
    assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help}");
    assert_eq!(run(["-h"])?, help);
    photograph("lesson_02_04__ayuda", &help.stdout);
    Ok(())
}

#[test]
fn la_versión_es_la_del_curso() -> Outcome {
    for option in ["--version", "-V"] {
        let exit = run([option])?;
        let version = concat!("aplic_02_04 ", env!("CARGO_PKG_VERSION"), "\n");
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), version), "{exit}");
    }
    Ok(())
}

#[test]
fn cada_error_de_uso_se_explica_en_una_línea() -> Outcome {
    let mut album = String::new();
    for words in [
        "--nada",
        "--por 80",
        "-x",
        "hola",
        "-- hola",
        "--port",
        "--port=",
        "--port http",
        "--port 65536",
        "--port -1",
        "--port 80.5",
        "--port 1 --port 2",
        "--host",
        "--host a --host b",
        "--workers 0",
        "--workers muchos",
        "--workers 100001",
        "--workers -1",
        "--head-timeout 0",
        "--head-timeout diez",
        "--idle-timeout -1",
        "--idle-timeout inf",
        "--drain-timeout 1e9",
        "--drain-timeout",
        "--verbose=3",
        "-v -v",
        "--trace",
        "--help=1",
    ] {
        let exit = run(words.split(' '))?;
        album += &(session(words, &exit, 2)? + "\n");
    }
    let exit = run([OsString::from("--host"), OsString::from_vec(vec![b'a', 0xff])])?;
    album += &session(r"--host $'a\xff'", &exit, 2)?;
    photograph("lesson_02_04__errores_de_uso", &album);
    Ok(())
}

#[test]
fn lo_que_impide_escuchar_se_explica_en_una_línea() -> Outcome {
    let busy = TcpListener::bind("127.0.0.1:0")?;
    let port = busy.local_addr()?.port().to_string();
    let mut album = String::new();
    for words in [
        format!("--port {port}"),
        format!("--port {port} --workers 2"),
        // De las direcciones que ninguna máquina tiene (RFC 5737).
        "--port 0 --host 192.0.2.1".to_owned(),
        "--port 0 --host no-existe.invalid".to_owned(),
        "--port 0 --host 127.0.0.1:80".to_owned(),
        "--port 0 --host ".to_owned(),
    ] {
        let exit = run(words.split(' '))?;
        album += &(session(&words, &exit, 1)?.replace(&port, "8080") + "\n");
    }
    photograph("lesson_02_04__errores_al_escuchar", &album);
    Ok(())
}

#[test]
fn una_traza_que_no_se_puede_escribir_se_explica_en_una_línea() -> Outcome {
    let mut album = String::new();
    for file in ["/", "/no/existe/traza", "/dev/null/traza"] {
        let words = format!("--port 0 --trace {file}");
        album += &(session(&words, &run(words.split(' '))?, 1)? + "\n");
    }
    photograph("lesson_02_04__errores_de_traza", &album);
    Ok(())
}

/// Con tan pocos descriptores no se puede ni empezar.
#[test]
fn sin_descriptores_para_empezar_se_explica_en_una_línea() -> Outcome {
    let mut explained = 0;
    for limit in 4..12 {
        let program = Program::new(PROGRAM).args(["--port", "0", "--workers", "8"]);
        let exit = program.descriptor_limit(limit).run_to_end("", SOON)?;
        session("", &exit, 1)?;
        explained += usize::from(exit.stderr.contains("no quedan descriptores de archivo"));
    }
    assert!(explained > 0);
    Ok(())
}

#[test]
fn un_puerto_privilegiado_se_explica_en_una_línea() -> Outcome {
    let untested = "un puerto privilegiado";
    let first_free = fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")?;
    if first_free.trim().parse().unwrap_or(1024) <= 79 {
        return tools::skip("aquí cualquiera puede usar cualquier puerto", untested);
    }
    // El 79, finger, que ya nadie usa.
    let words = ["--port", "79"];
    let is_root = Process::myself()?.status()?.euid == 0;
    let exit = if !is_root {
        run(words)?
    } else if tools::available("setpriv", untested)? {
        let nobody = ["--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];
        let bounding = ["--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"];
        Program::new("setpriv")
            .args(nobody)
            .args(bounding)
            .arg(PROGRAM)
            .args(words)
            .run_to_end("", SOON)?
    } else {
        return Ok(());
    };
    if exit.code == Some(127) || exit.stderr.starts_with("setpriv:") {
        return tools::skip("«nobody» no puede ejecutar el programa desde su carpeta", untested);
    }
    photograph("lesson_02_04__error_de_permiso", &session("--port 79", &exit, 1)?);
    Ok(())
}
