//! Servidores que ya estaban en marcha: de ellos solo se sabe dónde escuchan.

use std::net::SocketAddr;

use harness::{
    DEFAULT_LIMIT, Failure, Hindrance, Program, Running, Stage, Stranger, Stream, stages, tools,
};

use crate::corpus;
use crate::servers;

/// La etapa en la que hay que detener al servidor para que falle quien acierta por suerte.
fn order() -> &'static Stage {
    stages("02_03").iter().find(|stage| stage.title == "el mismo orden para todos").unwrap()
}

fn python() -> Result<bool, Failure> {
    tools::available("python3", "servidores que ya estaban en marcha")
}

/// Un chat del corpus.
fn chat(which: &str) -> Program {
    let python = Program::new("python3").env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(corpus("chat_hilos.py")).arg(which)
}

#[test]
fn quien_acierta_por_suerte_tampoco_pasa_si_ya_estaba_en_marcha() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    let server = chat("sin_orden").start()?;
    let failure = Stranger::listening_on(server.address()).passes(order()).unwrap_err();
    assert!(failure.headline().ends_with("oyeron los mensajes en distinto orden."), "{failure}");
    assert!(failure.has_section(&format!("Qué hacía el servidor (proceso {})", server.pid())));
    Ok(())
}

#[test]
fn a_quien_se_ve_se_le_prueba_todo() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    let server = chat("con_orden").start()?;
    assert_eq!(Stranger::listening_on(server.address()).passes(order())?, None);
    Ok(())
}

#[test]
fn a_quien_no_se_ve_se_le_prueba_menos_y_se_dice() -> Result<(), Failure> {
    // Este proceso no se busca a sí mismo.
    let stranger = Stranger::listening_on(servers::chat::with(servers::chat::Fault::None));
    assert_eq!(stranger.passes(order())?, Some(Hindrance::Unseen));
    let stranger = Stranger::listening_on(servers::echo::correct());
    assert_eq!(stranger.passes(&stages("02_02")[0])?, None);
    Ok(())
}

#[test]
fn a_quien_está_en_primer_plano_no_se_le_detiene() -> Result<(), Failure> {
    if !python()? || !tools::available("setsid", "un servidor en primer plano")? {
        return Ok(());
    }
    // Con `set -m`, el intérprete da la terminal a lo que arranca, y si se detiene, la recobra.
    let script = "set -m; python3 \"$0\" con_orden; echo la recobró";
    let terminal = Program::new("setsid")
        .args(["--ctty", "bash", "-c", script])
        .arg(corpus("chat_hilos.py"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .on_terminal(80, 24)
        .spawn()?;
    let address = listening_on_terminal(&terminal)?;
    let stranger = Stranger::listening_on(address);
    assert_eq!(stranger.passes(order())?, Some(Hindrance::InForeground));
    assert!(!terminal.stdout().contains("la recobró"), "{}", terminal.stdout());
    Ok(())
}

/// Una terminal acaba los renglones con `\r\n`.
fn listening_on_terminal(terminal: &Running) -> Result<SocketAddr, Failure> {
    let line = terminal.wait_for_line(Stream::Stdout, "Escuchando en ", DEFAULT_LIMIT)?;
    let (_, address) = line.trim_end().rsplit_once(' ').unwrap();
    Ok(address.parse().unwrap())
}
