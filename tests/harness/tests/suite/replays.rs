//! Lo que promete «Para repetirlo a mano» se cumple: se ejecuta, y el servidor hace lo mismo.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use harness::{Conversation, Exit, Failure, Program, Stage, stages, tools};

use crate::servers::web::{self, Fault as Web};
use crate::servers::{chat, echo};

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

/// De la web, quien falla en cada etapa que dice cómo repetirlo.
const WEB: &[(&str, Web)] = &[
    ("responde a un GET", Web::StrayLineFeed),
    ("una petición en dos segmentos", Web::AnswersAtOnce),
    ("la conexión persiste", Web::AlwaysCloses),
    ("peticiones encadenadas", Web::ForgetsPipelined),
    ("más peticiones que búfer", Web::DropsHalves),
    ("byte a byte", Web::NeedsTheBlankLineAtOnce),
    ("los campos de la cabecera", Web::OldDate),
    ("HEAD", Web::HeadWithBody),
    ("HEAD", Web::HeadWithZero),
    ("el cuerpo no es la petición siguiente", Web::IgnoresBodies),
    ("el cuerpo no es la petición siguiente", Web::KnowsOneCase),
    ("el cuerpo no es la petición siguiente", Web::IgnoresExpect),
    ("el cuerpo no es la petición siguiente", Web::SlicesBodies),
    ("el cuerpo por trozos tampoco", Web::IgnoresChunks),
    ("peticiones raras e inválidas", Web::NeedsNoHost),
    ("una cabecera sin final", Web::NoHeadLimit),
];

/// Lo que no lo dice: hace falta no leer, ver cuándo se cierra, reiniciar, ser mil, esperar un plazo o
/// pulsar Ctrl-C.
const NOT_BY_HAND: [&str; 6] = [
    "quien no lee no frena a nadie",
    "cuándo se cierra",
    "cierres y reinicios",
    "mil a la vez",
    "quien no acaba no se queda",
    "el final del programa",
];

#[test]
fn lo_que_falla_en_cada_etapa_de_la_web_se_repite() -> Result<(), Failure> {
    for Stage { title, .. } in stages("02_04") {
        let listed = WEB.iter().any(|(listed, _)| listed == title);
        assert!(listed != NOT_BY_HAND.contains(title), "«{title}»: ¿se repite a mano?");
    }
    thread::scope(|scope| {
        let differs = |&(title, fault)| scope.spawn(move || differs(title, fault));
        let all: Vec<_> = WEB.iter().map(differs).collect();
        all.into_iter().try_for_each(|one| one.join().unwrap())
    })
}

/// Ante quien falla, la orden del informe no da lo mismo que ante el correcto.
fn differs(title: &str, fault: Web) -> Result<(), Failure> {
    let number = stages("02_04").iter().position(|stage| stage.title == title).unwrap() + 1;
    // Una orden va despacio: el correcto, sin plazos.
    let (wrong, right) = (web::with(fault), web::with(Web::NoDeadline));
    let failure = failure("02_04", number, wrong).within(format!("{title}, {fault:?}"));
    let script = failure.replay().expect("el informe debía decir cómo repetirlo");
    let to_right = |script: String, before: char| {
        let [from, to] = [wrong, right].map(|address| format!("{before}{}", address.port()));
        script.replace(&from, &to)
    };
    let exit = run(&[' ', ':'].into_iter().fold(script, to_right))?;
    let expected = told(&exit.stdout);
    replays(&failure, |output| told(output) != expected)
}

/// Lo que se contesta, sin la hora y en un orden cualquiera: si hablan varios, es el que caiga.
fn told(output: &str) -> Vec<&str> {
    let is_right_date = |line: &str| line.strip_prefix("Date: ").is_some_and(|it| it.len() == 29);
    let mut lines: Vec<&str> = output.lines().filter(|line| !is_right_date(line)).collect();
    lines.sort_unstable();
    lines
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
