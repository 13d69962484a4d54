//! Cada etapa tiene un servidor que falla en ella, y no en otra: pasa todas las anteriores, y el
//! informe de esa dice lo que se espera.

use std::env;
use std::net::SocketAddr;
use std::time::Duration;

use harness::{Failure, Program, Stage, stages};

use crate::servers::{chat, echo, web};

/// Lo que se espera a quien no va a contestar nunca. Solo a él: en las etapas que pasa, lo de siempre.
const SHORT: Duration = Duration::from_secs(1);

pub(crate) type Outcome = Result<(), Failure>;

/// Comprueba que un servidor equivocado falla como debe.
pub(crate) type Attempt = fn() -> Outcome;

/// Un servidor equivocado, y la etapa en la que falla.
pub(crate) struct Wrong {
    pub(crate) name: &'static str,
    lesson: &'static str,
    title: &'static str,
    /// Arranca uno, le pasa solo esa etapa y comprueba que falla con su mensaje.
    pub(crate) fails_there: Attempt,
}

/// Pasa las anteriores, y en la suya el informe dice eso.
fn fails(lesson: &str, title: &str, server: SocketAddr, says: &str) -> Outcome {
    let earlier = stages(lesson).iter().take_while(|stage| stage.title != title);
    earlier.filter(|stage| worth_running(stage)).try_for_each(|stage| stage.run(server))?;
    fails_there(lesson, title, server, says);
    Ok(())
}

fn fails_there(lesson: &str, title: &str, server: SocketAddr, says: &str) {
    let mut all = stages(lesson).iter();
    let stage = all.find(|stage| stage.title == title).expect("no hay esa etapa");
    let failure = stage.run_in(&stage.conversation(server).limit(SHORT));
    says_why(stage, &failure.expect_err("la etapa debía fallar"), says);
}

/// Las inundaciones duran segundos, y las pasa el mismo código que en el servidor correcto: solo se
/// repiten con cada uno en la integración continua.
fn worth_running(stage: &Stage) -> bool {
    const FLOODS: [&str; 3] = [
        "el final, con mucho por devolver",
        "quien no lee no detiene el servidor",
        "quien no lee no frena a nadie",
    ];
    env::var_os("CI").is_some() || !FLOODS.contains(&stage.title)
}

/// Lo que ninguna orden enseñaría: cuándo se cierra, ni que se espera más que ella.
const UNREPEATABLE: [&str; 2] = ["cuándo se cierra", "quien no acaba no se queda"];

fn says_why(stage: &Stage, failure: &Failure, says: &str) {
    assert!(tells(failure.headline(), says), "{stage} debía decir «{says}»:\n{failure}");
    let by_hand = failure.replay().is_some();
    assert!(!by_hand || !UNREPEATABLE.contains(&stage.title), "no se repite así:\n{failure}");
}

/// Si ese texto dice eso, donde «…» es cualquier cosa: el número de un cliente, por ejemplo.
fn tells(text: &str, says: &str) -> bool {
    let mut rest = text;
    says.split('…').all(|piece| match rest.split_once(piece) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}

/// La última la falla un programa que no atiende Ctrl-C como debe: el servidor, correcto, es otro, y
/// se queda.
fn fails_to_end(lesson: &str, server: SocketAddr, says: &str) -> Outcome {
    let last = stages(lesson).last().expect("hay etapas");
    let script =
        format!("trap 'exit 0' INT; echo 'Escuchando en {server}'; while :; do sleep 0.01; done");
    let program = Program::new("sh").args(["-c", &script]).start()?;
    let conversation = last.conversation(program.address()).limit(SHORT);
    let failure = program.passes_in(last, &conversation).expect_err("la etapa debía fallar");
    says_why(last, &failure, says);
    assert_eq!(failure.replay(), None, "con `nc` no se pulsa Ctrl-C");
    Ok(())
}

macro_rules! wrong {
    ($($name:ident: $lesson:literal, $title:literal, $server:expr, $says:literal;)*) => {
        $(#[test]
        fn $name() -> Outcome {
            fails($lesson, $title, $server, $says)
        })*

        pub(crate) const WRONG: &[Wrong] = &[$(Wrong {
            name: stringify!($name),
            lesson: $lesson,
            title: $title,
            fails_there: || {
                fails_there($lesson, $title, $server, $says);
                Ok(())
            },
        }),*];
    };
}

use chat::Fault as Chat;
use web::Fault as Web;

wrong! {
    eco_que_describe_los_bytes: "02_02", "acepta y responde", echo::describes_the_bytes(),
        "«cliente» recibió otros bytes.";
    eco_que_solo_devuelve_líneas_enteras: "02_02", "lecturas parciales", echo::only_whole_lines(),
        "«cliente» esperaba 4 bytes, y el servidor terminó la conexión.";
    eco_que_cree_que_todo_es_texto: "02_02", "los bytes exactos", echo::as_text(),
        "«cliente» recibió otros bytes.";
    eco_que_olvida_a_quien_no_dice_nada: "02_02", "el final, en orden", echo::forgets_the_silent(),
        "«quien no dice nada» esperaba el fin de la conexión, y en 1 s no llegó.";
    eco_que_pierde_un_byte: "02_02", "un mensaje más grande que los búferes",
        echo::loses_a_byte_in_the_middle(), "«cliente» recibió otros bytes.";
    eco_que_tira_lo_pendiente: "02_02", "el final, con mucho por devolver",
        echo::drops_what_is_pending(), "«quien lee más tarde» esperaba ";
    eco_de_uno_en_uno: "02_02", "muchos a la vez, y algunos callados", echo::one_at_a_time(),
        "y se acabó la espera (1 s).";
    eco_que_muere_con_un_reinicio: "02_02", "un reinicio no molesta a los demás",
        echo::dies_of_a_reset(), "» esperaba … bytes, y el servidor ";
    eco_para_ciento_cincuenta: "02_02", "doscientos a la vez", echo::for_at_most(150),
        "«cliente … esperaba … bytes, y el servidor … la conexión";
    eco_para_quinientos: "02_02", "mil a la vez", echo::for_at_most(500),
        "«cliente … esperaba … bytes, y ";

    chat_que_no_cierra: "02_03", "entrar y salir", chat::with(Chat::NeverCloses),
        "«quien cierra su lado» esperaba el fin de la conexión, y en 1 s no llegó.";
    chat_que_habla_a_uno_solo: "02_03", "de uno a los demás", chat::with(Chat::TellsOnlyOne),
        "esperaba un marco, y se acabó la espera (1 s).";
    chat_que_reparte_bytes: "02_03", "mensajes que no se mezclan", chat::raw(),
        "«carla» debía oír lo que dijo «beto», y oyó otra cosa.";
    chat_que_espera_a_quien_no_lee: "02_03", "quien no lee no detiene el servidor",
        chat::with(Chat::WritesAtOnce), "«beto» esperaba un marco, y se acabó la espera (2 s).";
    chat_que_saluda_con_el_nombre: "02_03", "el saludo", chat::with(Chat::GreetsWithTheName),
        "«ana» recibió otro marco.";
    chat_que_cuenta_mal: "02_03", "avisos y difusión", chat::with(Chat::CountsTheOthers),
        "«ana» recibió otro marco.";
    chat_que_no_espera_al_resto_de_la_cabecera: "02_03", "marcos byte a byte",
        chat::with(Chat::NoPartialHeaders), "«beto» esperaba un marco, y el servidor ";
    chat_que_toma_un_marco_de_cada_lectura: "02_03", "marcos juntos y a medias",
        chat::with(Chat::OneFramePerRead), "«ana» esperaba un marco, y se acabó la espera (1 s).";
    chat_sin_un_orden_común: "02_03", "el mismo orden para todos",
        chat::with(Chat::NoCommonOrder), "» y «testigo» oyeron los mensajes en distinto orden.";
    chat_que_cuenta_igual_a_quienes_llegan_a_la_vez: "02_03", "el mismo orden para todos",
        chat::with(Chat::CountsTooSoon),
        "Entraron varios a la vez, y los avisos no los cuentan de uno en uno.";
    chat_que_toma_un_final_por_lo_último: "02_03", "el mismo orden para todos",
        chat::with(Chat::HangsUpEarly),
        "«felipe» llegó, habló y cerró su lado, y «… no lo oyó todo, y en ese orden.";
    chat_con_cualquier_nombre: "02_03", "nombres inválidos", chat::with(Chat::AnyName),
        "«intruso 1» esperaba un «ERROR: » con su razón.";
    chat_con_dos_de_igual_nombre: "02_03", "nombres repetidos", chat::with(Chat::CaseSensitive),
        "«otra «begoña»» esperaba un «ERROR: » con su razón.";
    chat_que_mira_el_nombre_antes_de_apuntarlo: "02_03", "nombres repetidos",
        chat::with(Chat::ChecksTooSoon), "… y «… pidieron a la vez el mismo nombre, y entraron.";
    chat_que_cree_lo_que_le_dicen: "02_03", "longitudes hostiles",
        chat::with(Chat::BelievesTheLength), "«desconocido de 4294967295 bytes» esperaba ";
    chat_que_no_admite_un_marco_vacío: "02_03", "longitudes hostiles",
        chat::with(Chat::RefusesTheEmpty),
        "Tras un marco vacío, «beto» siguió hablando, y «ana» no lo oyó.";
    chat_que_no_rechaza_ningún_byte: "02_03", "lo que no es texto",
        chat::with(Chat::NeverRefusesBytes), "«desconocido» esperaba un «ERROR: » con su razón.";
    chat_que_espera_medio_marco: "02_03", "el final a medio marco",
        chat::with(Chat::WaitsForTheRest), "«ana» esperaba un marco, y se acabó la espera (1 s).";
    chat_que_espera_el_nombre_de_cada_cual: "02_03", "conexiones calladas",
        chat::with(Chat::WaitsForTheName), "«beto» esperaba un marco, y se acabó la espera (1 s).";
    chat_que_habla_a_quien_no_dijo_su_nombre: "02_03", "conexiones calladas",
        chat::with(Chat::TellsStrangers), "«callado 1» no había dicho su nombre, y oyó algo.";
    chat_que_no_ve_los_reinicios: "02_03", "reinicios y cierres de golpe",
        chat::with(Chat::ForgetsResets), "esperaba un marco, y se acabó la espera (1 s).";
    chat_que_echa_a_quien_habla: "02_03", "reinicios y cierres de golpe",
        chat::with(Chat::BlamesTheSpeaker),
        "… oyó otra cosa. «carla» había reiniciado su conexión, y otros hablaban.";
    chat_que_deja_pasar_los_caracteres_de_control: "02_03", "caracteres de control",
        chat::with(Chat::RelaysControls), "«ana» recibió otro marco.";
    chat_que_guarda_cuanto_haga_falta: "02_03", "quien no lee no frena a nadie",
        chat::with(Chat::NoLimit), "«lento» no lee, y el servidor le guarda ya 32 MiB";
    chat_para_cien: "02_03", "doscientos clientes", chat::with(Chat::SmallRoom),
        "«cliente-101» recibió otro marco.";
    chat_que_cierra_sin_leer_lo_que_queda: "02_03", "el ERROR llega aunque sigan enviando",
        chat::with(Chat::ClosesAtOnce),
        "«intruso 1» esperaba el fin de la conexión, y el servidor la reinició (RST).";
    chat_que_echa_a_quien_lee_despacio: "02_03", "quien lee despacio lo oye todo",
        chat::with(Chat::ThrowsOut), "Leía, aunque despacio, y solo oyó ";

    web_con_un_salto_de_línea_de_más: "02_04", "responde a un GET", web::with(Web::StrayLineFeed),
        "«cliente» recibió otro cuerpo.";
    web_que_contesta_a_media_petición: "02_04", "una petición en dos segmentos",
        web::with(Web::AnswersAtOnce), "El servidor contestó antes de que acabara la petición.";
    web_que_cierra_siempre: "02_04", "la conexión persiste", web::with(Web::AlwaysCloses),
        "El servidor anuncia que cierra, y nadie se lo ha pedido.";
    web_que_olvida_las_peticiones_encadenadas: "02_04", "peticiones encadenadas",
        web::with(Web::ForgetsPipelined), "Respuestas que llegaron: 1 de 16.";
    web_que_pierde_lo_que_sobra: "02_04", "más peticiones que búfer", web::with(Web::DropsHalves),
        " de 500.";
    web_sin_contrapresión: "02_04", "quien no lee no frena a nadie",
        web::with(Web::NoBackPressure), "le debe 42 MiB de respuestas, y el límite son 32 MiB.";
    web_que_busca_el_final_en_una_lectura: "02_04", "byte a byte",
        web::with(Web::NeedsTheBlankLineAtOnce), "«cliente» esperaba otro código.";
    web_con_la_fecha_de_2013: "02_04", "los campos de la cabecera", web::with(Web::OldDate),
        "El campo Date no es una fecha IMF-fixdate: «Mon, 1 Apr 2013 01:01:01 GMT».";
    web_con_cuerpo_en_head: "02_04", "HEAD", web::with(Web::HeadWithBody),
        "Tras la cabecera con la que contestó a HEAD llegó un cuerpo.";
    web_que_a_head_dice_que_no_hay_cuerpo: "02_04", "HEAD", web::with(Web::HeadWithZero),
        "El campo Content-Length de la respuesta a HEAD no es el de GET.";
    web_que_lee_el_cuerpo_como_otra_petición: "02_04", "el cuerpo no es la petición siguiente",
        web::with(Web::IgnoresBodies), "«cliente POST» esperaba el fin de la conexión, y llegaron ";
    web_que_no_espera_el_resto_del_cuerpo: "02_04", "el cuerpo no es la petición siguiente",
        web::with(Web::SlicesBodies),
        "«cuerpo en dos partes» esperaba el fin de la conexión, y llegaron ";
    web_que_solo_conoce_unas_mayúsculas: "02_04", "el cuerpo no es la petición siguiente",
        web::with(Web::KnowsOneCase),
        "«cliente PUT» esperaba el fin de la conexión, y llegaron ";
    web_que_no_contesta_a_quien_pregunta: "02_04", "el cuerpo no es la petición siguiente",
        web::with(Web::IgnoresExpect),
        "El servidor espera el cuerpo de «quien pregunta antes», que no lo envía hasta";
    web_que_no_sabe_de_trozos: "02_04", "el cuerpo por trozos tampoco",
        web::with(Web::IgnoresChunks), "«por trozos» esperaba otro código.";
    web_sin_host: "02_04", "peticiones raras e inválidas", web::with(Web::NeedsNoHost),
        "«sin Host» esperaba otro código.";
    web_que_cierra_sin_leer_lo_que_queda: "02_04", "una cabecera sin final",
        web::with(Web::ClosesAtOnce), "el servidor la reinició (RST)";
    web_que_no_mira_la_lista: "02_04", "cuándo se cierra", web::with(Web::MissesListedClose),
        "«en una lista» esperaba el fin de la conexión, y en 1 s no llegó.";
    web_que_sigue_sin_decirlo: "02_04", "cuándo se cierra", web::with(Web::KeepsAliveInSilence),
        "«HTTP/1.0 que sigue» esperaba el fin de la conexión, y en 1 s no llegó.";
    web_que_tira_lo_que_nadie_recogió: "02_04", "cuándo se cierra", web::with(Web::DropsAtTheEnd),
        "«quien lee más tarde» esperaba ";
    web_que_muere_con_un_reinicio: "02_04", "cierres y reinicios", web::with(Web::DiesOfAReset),
        "«testigo» esperaba una respuesta HTTP";
    web_para_quinientos: "02_04", "mil a la vez", web::with(Web::SmallHouse),
        "«cliente … esperaba una respuesta HTTP, y ";
    web_sin_plazos: "02_04", "quien no acaba no se queda", web::with(Web::NoDeadline),
        "esperaba el fin de la conexión, y en 1,5 s no llegó.";
}

/// Los que fallan en la última.
pub(crate) const ENDINGS: [(&str, Attempt); 3] = [
    ("eco_que_deja_dentro_a_los_callados", eco_que_deja_dentro_a_los_callados),
    ("chat_que_deja_dentro_a_los_callados", chat_que_deja_dentro_a_los_callados),
    ("web_que_deja_dentro_a_los_callados", web_que_deja_dentro_a_los_callados),
];

/// Quien espera más de lo que se pide, y a propósito, ha de saber cómo decirlo.
#[test]
fn a_un_chat_con_demasiada_paciencia_se_le_dice_cómo_acortarla() {
    for title in ["quien no lee no detiene el servidor", "quien no lee no frena a nadie"] {
        let stage = stages("02_03").iter().find(|stage| stage.title == title).expect("la hay");
        let talk = stage.conversation(chat::with(Chat::TooPatient)).limit(SHORT);
        let failure = stage.run_in(&talk).expect_err("la etapa debía fallar");
        says_why(stage, &failure, "«beto» esperaba un marco, y se acabó la espera (2 s).");
        assert!(failure.to_string().contains("como «-- ./chat --plazo 5»"), "{failure}");
    }
}

#[test]
fn eco_que_deja_dentro_a_los_callados() -> Outcome {
    fails_to_end("02_02", echo::correct(), "«callado 1» esperaba el fin de la conexión")
}

#[test]
fn chat_que_deja_dentro_a_los_callados() -> Outcome {
    fails_to_end("02_03", chat::with(Chat::None), "«callado» esperaba el fin de la conexión")
}

#[test]
fn web_que_deja_dentro_a_los_callados() -> Outcome {
    fails_to_end("02_04", web::with(Web::None), "«callado» esperaba el fin de la conexión")
}

#[test]
fn ninguna_etapa_carece_de_quien_falle_en_ella() {
    for stage in ["02_02", "02_03", "02_04"].into_iter().flat_map(stages) {
        let own = |wrong: &Wrong| (wrong.lesson, wrong.title) == (stage.lesson, stage.title);
        let named = WRONG.iter().any(own);
        assert!(named || stage.stops_program(), "{} {stage}: nadie falla en ella", stage.lesson);
    }
}
