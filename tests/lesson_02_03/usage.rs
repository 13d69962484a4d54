//! La línea de órdenes: ayuda, errores de uso y problemas, cada uno en una línea en español.

use std::net::{Ipv4Addr, TcpListener};

use harness::{Exit, Failure, Port, Program};

use super::chat::Chat;
use super::{LIMIT, Outcome, client, lesson};
use crate::photograph::photograph;

fn run(program: Program) -> Result<Exit, Failure> {
    // Si hay que preguntar por un nombre a la red, que sea una vez y poco rato (resolv.conf(5)).
    program.env("RES_OPTIONS", "attempts:1 timeout:1").without_stdin().run_to_end("", LIMIT)
}

/// Un renglón con la orden y debajo lo que contesta.
fn session(arguments: &[&str], code: i32) -> Result<String, Failure> {
    let words = arguments.iter().map(|word| match *word {
        word if word.is_empty() || word.contains(' ') => format!(" '{word}'"),
        word => format!(" {word}"),
    });
    let typed: String = words.collect();
    let exit = run(lesson().args(arguments.iter().copied()))?;
    let answer = exit.complaint(code).map_err(|failure| failure.within(typed.clone()))?;
    // Lo que se teclea como escape se escribe aquí como tal: la instantánea es texto.
    Ok(format!("$ aplic_02_03{}\n{answer}", typed.replace('\u{1b}', "\\e")))
}

#[test]
fn la_ayuda_está_en_español() -> Outcome {
    let exit = run(lesson().arg("--help"))?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    photograph("lesson_02_03__ayuda", &exit.stdout);
    assert_eq!(run(lesson().arg("-h"))?, exit);
    let version = run(lesson().arg("--version"))?;
    assert_eq!(version.stdout, format!("aplic_02_03 {}\n", env!("CARGO_PKG_VERSION")));
    Ok(())
}

#[test]
fn cada_error_de_uso_tiene_su_línea() -> Outcome {
    let long = "x".repeat(33);
    let usages: [&[&str]; 20] = [
        &[],
        &["--port", "8800"],
        &["--name"],
        &["--name", ""],
        &["--name", "SERVIDOR"],
        &["--name", "ana@casa"],
        &["--name", " ana"],
        &["--name", "a\u{200b}na"],
        &["--name", "a\u{1b}[2J"],
        &["--name", &long],
        &["--name", "ana", "--name", "beto"],
        &["--nmae", "ana"],
        &["--name", "ana", "--colores"],
        &["--name", "ana", "-x"],
        &["--name", "ana", "hola"],
        &["--name", "ana", "--port", "ocho"],
        &["--name", "ana", "--port", "65536"],
        &["--name", "ana", "--port"],
        &["--name", "servidor", "--login-timeout", "0"],
        &["--name", "ana", "--verbose=3"],
    ];
    let sessions: Result<String, Failure> =
        usages.iter().map(|arguments| session(arguments, 2)).collect();
    photograph("lesson_02_03__errores_de_uso", &sessions?);
    Ok(())
}

#[test]
fn cada_problema_dice_qué_pasó_y_qué_probar() -> Outcome {
    let busy = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let busy_port = busy.local_addr()?.port().to_string();
    let free = Port::reserve()?;
    let free_port = free.number();
    let nowhere = "no-existe.invalid";
    let mut sessions = String::new();
    for arguments in [
        &["--name", "servidor", "--port", &busy_port][..],
        &["--name", "ana", "--port", &free_port],
        &["--name", "ana", "--host", nowhere],
        &["--name", "servidor", "--host", nowhere],
        &["--name", "servidor", "--host", "203.0.113.1"],
        &["--name", "ana", "--trace", "/no/existe/traza.jsonl"],
        &["--name", "servidor", "--trace", "/"],
    ] {
        sessions += &session(arguments, 1)?;
    }
    sessions = sessions.replace(&busy_port, "OCUPADO").replace(&free_port, "LIBRE");

    let chat = Chat::open()?;
    let _ana = chat.member("Ana")?;
    let exit = run(client("ana", chat.server.address()))?;
    sessions += "$ aplic_02_03 --name ana\n";
    sessions += exit.complaint(1)?;
    photograph("lesson_02_03__problemas", &sessions);
    Ok(())
}

#[test]
fn un_puerto_con_privilegios_se_explica() -> Outcome {
    if TcpListener::bind((Ipv4Addr::LOCALHOST, 1)).is_ok() {
        // Quien puede, como root, no tiene nada que explicar.
        return Ok(());
    }
    let answer = session(&["--name", "servidor", "--port", "1"], 1)?;
    assert!(answer.contains("privilegios"), "{answer}");
    Ok(())
}

#[test]
fn sin_descriptores_ni_para_empezar_se_explica() -> Outcome {
    // El cuarto descriptor, o el tercero si el archivo de la traza ocupa uno, ya no lo hay.
    for more in [&[][..], &["--trace", "/dev/null"]] {
        let program = lesson().args(["--name", "servidor", "--port", "0"]).descriptor_limit(4);
        let exit = run(program.args(more.iter().copied()))?;
        let answer = exit.complaint(1)?;
        assert!(answer.contains("no quedan descriptores de archivo (ulimit -n)"), "{answer}");
    }
    Ok(())
}
