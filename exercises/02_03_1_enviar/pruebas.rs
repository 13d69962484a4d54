//! Las pruebas de 02_03_1_enviar: con un socket de verdad y con uno que cuenta las llamadas.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::fmt::Write as _;
use std::io::{self, ErrorKind};

use ejercicio::send;
use ejercicios::fake::Sink;
use ejercicios::fake::Space::{Fits, Refuses};
use ejercicios::prelude::*;
use given::{HEADER, MAX_TEXT};
use harness::frame;

ejercicios::tests! {
    la_longitud_va_delante_y_en_orden_de_red,
    la_longitud_cuenta_bytes_y_no_caracteres,
    un_texto_vacío_también_es_un_marco,
    una_longitud_de_más_de_un_byte_también_va_en_orden_de_red,
    longitud_y_texto_salen_en_una_sola_escritura,
    si_la_escritura_se_queda_corta_insiste,
    lo_que_pasa_del_máximo_no_se_envía,
    un_error_de_verdad_se_devuelve,
    quien_habla_en_marcos_lo_entiende,
}

fn la_longitud_va_delante_y_en_orden_de_red() -> Outcome {
    sends_the_frame_of("hola")
}

fn la_longitud_cuenta_bytes_y_no_caracteres() -> Outcome {
    for text in ["año", "¿sí?", "🙂"] {
        sends_the_frame_of(text)?;
    }
    Ok(())
}

fn un_texto_vacío_también_es_un_marco() -> Outcome {
    sends_the_frame_of("")
}

fn una_longitud_de_más_de_un_byte_también_va_en_orden_de_red() -> Outcome {
    sends_the_frame_of(&"x".repeat(0x01_02))
}

fn longitud_y_texto_salen_en_una_sola_escritura() -> Outcome {
    // El más largo no cabe en un búfer intermedio, que saldría en dos veces.
    ["hola", &"x".repeat(MAX_TEXT)].into_iter().try_for_each(sends_at_once)
}

fn si_la_escritura_se_queda_corta_insiste() -> Outcome {
    // Una de cada dos llamadas, interrumpida.
    let space = [Refuses(ErrorKind::Interrupted), Fits(3)].repeat(5).into();
    let stubborn = Sink { space, then: Fits(3), ..Sink::default() };
    let (outcome, sink) = send_on(stubborn, "hola, mundo")?;
    succeeded(&outcome).hint(
        "cada `write` acepta 3 bytes como mucho, y a veces la interrumpe una señal \
         (ErrorKind::Interrupted): hay que repetirla",
    )?;
    let (expected, written) = (frame::encode("hola, mundo"), sink.written);
    ensure(written == expected, || {
        format!(
            "Cada `write` acepta 3 bytes como mucho, y de los {} del marco salieron {}: {}. Hay que \
             insistir con los que faltan.",
            expected.len(),
            written.len(),
            readable(&written)
        )
    })
}

fn lo_que_pasa_del_máximo_no_se_envía() -> Outcome {
    sends_the_frame_of(&"x".repeat(MAX_TEXT))?;
    refuses("de un byte más que MAX_TEXT", &"x".repeat(MAX_TEXT + 1))?;
    refuses("con más bytes que MAX_TEXT, y menos letras", &"ñ".repeat(MAX_TEXT / 2 + 1))
}

fn un_error_de_verdad_se_devuelve() -> Outcome {
    for (when, kind) in [
        ("si el otro lado ya no está", ErrorKind::BrokenPipe),
        ("si no hay sitio para los que faltan", ErrorKind::WouldBlock),
    ] {
        // La primera llamada va bien; las demás, no.
        let sink = Sink { then: Refuses(kind), ..Sink::with([Fits(5)]) };
        let (outcome, _) = send_on(sink, "hola").hint(format!(
            "{when}, `write` da {kind:?}. Solo se repite si la interrumpe una señal; cualquier otro \
             error se devuelve"
        ))?;
        ensure_fails(format!("el error, {when}"), kind, &outcome)?;
    }
    Ok(())
}

fn quien_habla_en_marcos_lo_entiende() -> Outcome {
    let texts = ["hola", "", "¿qué tal, señora?", "adiós"];
    let (listener, clients) = listening_in_frames()?;
    let mut client = clients.peer("cliente")?;
    let (mut stream, _) = listener.accept()?;
    let sending = Task::start("enviar cuatro mensajes", move || {
        texts.iter().try_for_each(|text| send(&mut stream, text))
    })?;
    let heard = texts.iter().try_for_each(|text| client.expect_frame(text));
    sending.explain(heard.and_then(|()| client.expect_end()))?;
    succeeded(&sending.finish(LIMIT)?)
}

by_hand!(|listener| {
    loop {
        let (mut stream, _) = listener.accept()?;
        for text in ["hola", "¿qué tal?", "adiós"] {
            send(&mut stream, text)?;
        }
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let bytes = hands.run("nc ")?;
    ensure(bytes.starts_with(" 00 00 00 04 68 6f 6c 61 00 00 00 0b"), || bytes)
});

/// Comprueba que `send` lo escribe con una sola llamada.
fn sends_at_once(text: &str) -> Outcome {
    let (outcome, sink) = send_on(Sink::default(), text)?;
    succeeded(&outcome).within(format!("Con un texto de {} bytes.", text.len()))?;
    ensure(sink.writes == 1, || {
        format!(
            "Tu función llamó {} veces a `write` para un solo mensaje, de {} bytes. Cada llamada \
             puede salir en un paquete, y el segundo esperar a que confirmen el primero: prepara el \
             marco entero y escríbelo de una vez.",
            sink.writes,
            text.len()
        )
    })
}

/// Comprueba que un texto que no cabe en un marco es un error, y que no se envía nada.
fn refuses(what: &str, text: &str) -> Outcome {
    let (outcome, sink) = send_on(Sink::default(), text)?;
    let what = format!("el error, con un texto {what}");
    ensure_fails(what, ErrorKind::InvalidInput, &outcome)?;
    ensure(sink.written.is_empty(), || {
        format!(
            "El texto no cabe en un marco, y aun así salieron {} bytes. Quien los reciba ya no sabrá \
             dónde empieza el marco siguiente: comprueba antes de escribir.",
            sink.written.len()
        )
    })
}

/// Comprueba que `send` escribe el marco de `text`, y si no, explica en qué se diferencia.
fn sends_the_frame_of(text: &str) -> Outcome {
    let (outcome, sink) = send_on(Sink::default(), text)?;
    succeeded(&outcome)?;
    let (expected, written) = (frame::encode(text), sink.written);
    if written == expected {
        return Ok(());
    }
    let lines = [
        format!("se esperaba  {}", readable(&expected)),
        format!("llegó        {}", readable(&written)),
    ];
    Err(Failure::new(difference(text, &written)).section("Diferencia", lines))
}

/// En qué se equivoca lo escrito.
fn difference(text: &str, written: &[u8]) -> String {
    let of = if text.chars().count() > 20 {
        format!("un texto de {} bytes", text.len())
    } else {
        format!("«{text}»")
    };
    let Some((header, rest)) = written.split_first_chunk::<HEADER>() else {
        return format!(
            "Al enviar {of} salieron {} bytes, y un marco tiene al menos los {HEADER} de su \
             longitud.",
            written.len()
        );
    };
    let announced = u32::from_be_bytes(*header) as usize;
    if u32::from_le_bytes(*header) as usize == text.len() && announced != text.len() {
        return format!(
            "La longitud de {of} va al revés: en orden de red, el byte más significativo es el \
             primero."
        );
    }
    if announced == text.chars().count() && announced != text.len() {
        return format!(
            "La longitud de {of} dice {announced}, que son sus caracteres; lo que el otro lado tiene \
             que leer son {} bytes.",
            text.len()
        );
    }
    if announced != text.len() {
        return format!("La longitud de {of} dice {announced}, y son {} bytes.", text.len());
    }
    format!(
        "La longitud de {of} está bien, pero detrás debían ir sus {} bytes y van {}.",
        text.len(),
        if rest.len() == text.len() { "otros".to_owned() } else { rest.len().to_string() }
    )
}

/// `00 00 00 04 "hola"`: los cuatro primeros bytes en hexadecimal, y detrás el texto.
fn readable(bytes: &[u8]) -> String {
    const SHOWN: usize = 40;
    let (header, rest) = bytes.split_at(bytes.len().min(HEADER));
    let mut text = String::new();
    for byte in header {
        let _ = write!(text, "{byte:02x} ");
    }
    let start = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]);
    let _ = write!(text, "{start:?}");
    if rest.len() > SHOWN {
        let _ = write!(text, "… ({} bytes más)", rest.len() - SHOWN);
    }
    text
}

fn succeeded(outcome: &io::Result<()>) -> Outcome {
    ensure(outcome.is_ok(), || {
        format!("Tu función debía terminar bien, y devolvió {}.", shown(outcome))
    })
}

fn send_on(mut sink: Sink, text: &str) -> Result<(io::Result<()>, Sink), Failure> {
    let text = text.to_owned();
    within(LIMIT, "enviar un mensaje", move || (send(&mut sink, &text), sink))
}
