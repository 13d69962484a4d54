//! Lo que promete «Para repetirlo a mano» se cumple: se ejecuta, y el servidor hace lo mismo.

use std::net::SocketAddr;
use std::time::Duration;

use harness::{Conversation, Exit, Failure, Program, stages, tools};

use crate::servers::{chat, echo, web};

const SHORT: Duration = Duration::from_secs(1);

fn failure(lesson: &str, number: usize, address: SocketAddr) -> Failure {
    let stage = &stages(lesson)[number - 1];
    stage.run_in(&stage.conversation(address).limit(SHORT)).expect_err("la etapa debía fallar")
}

/// Ejecuta la orden del informe hasta que haga lo que `repeats` reconoce, si está lo que usa.
///
/// La orden va a cámara lenta y no espera respuestas: con la máquina muy ocupada puede hacer falta
/// repetirla, como la repetiría quien la copiara.
fn replays(failure: &Failure, repeats: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let script = failure.replay().expect("el informe debía decir cómo repetirlo");
    for tool in ["nc", "curl"] {
        if script.contains(&format!("{tool} -"))
            && !tools::available(tool, &format!("las órdenes que usan «{tool}»"))?
        {
            return Ok(());
        }
    }
    let mut exit = run(&script)?;
    for _ in 0..5 {
        if repeats(&exit.stdout) {
            return Ok(());
        }
        exit = run(&script)?;
    }
    Err(Failure::new(format!("La orden no repitió el fallo.\n{script}\n{exit}")))
}

fn run(script: &str) -> Result<Exit, Failure> {
    Program::new("sh").args(["-c", script]).run_to_end("", Duration::from_secs(30))
}

#[test]
fn el_eco_que_contesta_una_vez_se_repite_con_nc() -> Result<(), Failure> {
    let failure = failure("02_02", 2, echo::answers_once());
    replays(&failure, |output| output == "ho")
}

#[test]
fn el_eco_que_pierde_el_último_byte_se_repite_con_nc() -> Result<(), Failure> {
    let failure = failure("02_02", 4, echo::drops_the_last_byte());
    replays(&failure, |output| output.ends_with("776\n777"))
}

#[test]
fn la_web_con_un_salto_de_más_se_repite_con_curl() -> Result<(), Failure> {
    let failure = failure("02_04", 1, web::with(web::Fault::StrayLineFeed));
    replays(&failure, |output| output.ends_with("\r\n\r\n\n¡Hola desde EpollServer!\n"))
}

#[test]
fn la_web_que_lee_el_cuerpo_como_petición_se_repite_con_nc() -> Result<(), Failure> {
    let failure = failure("02_04", 10, web::with(web::Fault::IgnoresBodies));
    replays(&failure, |output| output.matches("200 OK").count() == 3)
}

#[test]
fn una_conversación_de_varios_se_repite_en_su_orden() -> Result<(), Failure> {
    let failure = failure("02_03", 6, chat::with(chat::Fault::EchoesToSender));
    replays(&failure, |output| {
        let joined = output.find("(Conectado: nuevo cliente (2) desde beto@127.0.0.1)");
        let said = output.find("#[ana@127.0.0.1]>> hola");
        // La de ana la ven los dos: ese es el fallo.
        let times = output.matches("#[ana@127.0.0.1]>> hola").count();
        joined.is_some() && joined < said && times == 2
    })
}

#[test]
fn una_petición_larguísima_se_repite_por_su_regla() -> Result<(), Failure> {
    let mut client = Conversation::with(web::with(web::Fault::None)).peer("cliente")?;
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    client.send(request.repeat(1000))?;
    client.half_close()?;
    let failure = client.failure("Un ejemplo.");
    replays(&failure, |output| output.matches("¡Hola desde EpollServer!\n").count() == 1000)
}
