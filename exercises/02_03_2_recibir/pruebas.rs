//! Las pruebas de 02_03_2_recibir: con un socket de mentira que corta por donde quiere.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;

use ejercicio::receive;
use ejercicios::fake::{Piece, Source};
use ejercicios::prelude::*;
use given::{End, MAX_TEXT, Received};
use harness::frame;
use harness::procfs::process::Process;

/// La longitud que anuncia un marco hostil: 2 GiB menos un byte.
const HOSTILE: u32 = 0x7FFF_FFFF;

/// Bytes que ha de traer una sola lectura, si los hay.
const SHORT: usize = 64;

ejercicios::tests! {
    un_marco_en_una_lectura,
    dos_marcos_en_una_lectura,
    lee_una_sola_vez_aunque_falte_algo,
    dos_marcos_y_medio,
    un_marco_vacío_es_un_mensaje_vacío,
    cualquier_corte_da_los_mismos_mensajes,
    un_mensaje_mayor_que_el_búfer_llega_entero,
    cerrar_entre_dos_marcos_es_irse,
    cerrar_a_mitad_de_un_marco_no_lo_es,
    sin_nada_que_leer_no_es_el_final,
    una_conexión_rota_se_cuenta,
    lo_que_no_es_texto_se_rechaza,
    una_longitud_imposible_se_rechaza_sin_esperar,
}

fn un_marco_en_una_lectura() -> Outcome {
    let when = "cuando llega un marco entero";
    receives(when, &mut Line::of([frame::encode("hola")]), &["hola"], None)
}

fn dos_marcos_en_una_lectura() -> Outcome {
    let mut line = Line::of([encode(&["hola", "adiós"])]);
    receives("cuando llegan dos marcos juntos", &mut line, &["hola", "adiós"], None)
}

fn lee_una_sola_vez_aunque_falte_algo() -> Outcome {
    let whole = frame::encode("hola");
    let mut line = Line::of([whole[..6].to_vec(), whole[6..].to_vec()]);
    receives("cuando solo ha llegado medio marco", &mut line, &[], None)?;
    receives("cuando llega la otra mitad", &mut line, &["hola"], None)
}

fn dos_marcos_y_medio() -> Outcome {
    let bytes = encode(&["uno", "dos", "tres"]);
    let middle = bytes.len() - 2;
    let mut line = Line::of([bytes[..middle].to_vec(), bytes[middle..].to_vec()]);
    receives("cuando llegan dos marcos y parte de otro", &mut line, &["uno", "dos"], None)?;
    receives("cuando llega lo que faltaba del tercero", &mut line, &["tres"], None)
}

fn un_marco_vacío_es_un_mensaje_vacío() -> Outcome {
    let mut line = Line::of([encode(&["", "hola", ""])]);
    receives("con dos marcos vacíos y otro en medio", &mut line, &["", "hola", ""], None)
}

fn cualquier_corte_da_los_mismos_mensajes() -> Outcome {
    let texts = ["hola", "", "año nuevo", "¿qué?", "adiós 🙂"];
    let bytes = encode(&texts);
    for size in 1..=bytes.len() {
        let mut line = Line::of(bytes.chunks(size).map(<[u8]>::to_vec));
        let mut got = Vec::new();
        while !line.is_over() {
            let received = line.receive(&format!("con los bytes de {size} en {size}"))?;
            ensure(received.end.is_none(), || {
                format!(
                    "Nada ha terminado, y con los bytes de {size} en {size} tu función dice {:?}.",
                    received.end
                )
            })?;
            got.extend(received.messages);
        }
        let what = format!("los mensajes, con los bytes de {size} en {size}");
        ensure_equal(what, owned(&texts), got)
            .hint("lo que sobra de una lectura se guarda en `pending` para la siguiente")?;
    }
    Ok(())
}

fn un_mensaje_mayor_que_el_búfer_llega_entero() -> Outcome {
    let text = "añ".repeat(MAX_TEXT / 3);
    let mut line = Line::of([frame::encode(&text)]);
    let mut got = Vec::new();
    while !line.is_over() {
        got.extend(line.receive("con un mensaje largo")?.messages);
    }
    ensure(got == [text.as_str()], || {
        let lengths: Vec<usize> = got.iter().map(String::len).collect();
        format!(
            "Se envió un mensaje de {} bytes, y llegaron mensajes de estos tamaños: {lengths:?}.",
            text.len()
        )
    })
}

fn cerrar_entre_dos_marcos_es_irse() -> Outcome {
    let mut line = Line::of([frame::encode("hola")]).then(Piece::End);
    receives("cuando llega un marco", &mut line, &["hola"], None)?;
    receives("cuando el otro lado cierra", &mut line, &[], Some(End::Left))
}

fn cerrar_a_mitad_de_un_marco_no_lo_es() -> Outcome {
    for (what, kept) in [("con media longitud", 2), ("con medio texto", 6)] {
        let mut line = Line::of([frame::encode("hola")[..kept].to_vec()]).then(Piece::End);
        receives("cuando llega parte de un marco", &mut line, &[], None)?;
        let what = format!("cuando el otro lado cierra {what} pendiente");
        receives(&what, &mut line, &[], Some(End::CutShort))?;
    }
    Ok(())
}

fn sin_nada_que_leer_no_es_el_final() -> Outcome {
    for kind in [ErrorKind::WouldBlock, ErrorKind::Interrupted] {
        let mut line = Line::of([frame::encode("hola")]).after(kind);
        receives(&format!("si `read` da {kind:?}"), &mut line, &[], None)?;
        receives("cuando después llega un marco", &mut line, &["hola"], None)?;
        let whole = frame::encode("hola");
        let rest = Piece::Bytes(whole[6..].to_vec());
        let mut line = Line::of([whole[..6].to_vec()]).then(Piece::Fails(kind)).then(rest);
        receives("cuando llega medio marco", &mut line, &[], None)?;
        receives(
            &format!("si, con medio marco pendiente, `read` da {kind:?}"),
            &mut line,
            &[],
            None,
        )?;
        receives("cuando después llega la otra mitad", &mut line, &["hola"], None)?;
    }
    Ok(())
}

fn una_conexión_rota_se_cuenta() -> Outcome {
    for (when, kind) in [
        ("si el otro lado corta la conexión", ErrorKind::ConnectionReset),
        ("si el otro lado deja de responder", ErrorKind::TimedOut),
    ] {
        let end = Some(End::Broken(kind));
        receives(when, &mut Line::of([]).after(kind), &[], end)?;
        for (what, kept) in [("con media longitud", 2), ("con medio texto", 6)] {
            let start = frame::encode("hola")[..kept].to_vec();
            let mut line = Line::of([start]).then(Piece::Fails(kind));
            receives("cuando llega parte de un marco", &mut line, &[], None)?;
            receives(&format!("{when} {what} pendiente"), &mut line, &[], end)?;
        }
    }
    Ok(())
}

fn lo_que_no_es_texto_se_rechaza() -> Outcome {
    let bytes = [encode(&["hola"]), frame::encode([0xFF, 0xFE]), encode(&["adiós"])].concat();
    let end = Some(End::NotText);
    receives("si el segundo marco no es UTF-8", &mut Line::of([bytes]), &["hola"], end)
}

fn una_longitud_imposible_se_rechaza_sin_esperar() -> Outcome {
    for length in [MAX_TEXT as u64 + 1, u64::from(HOSTILE), u64::from(u32::MAX)] {
        let header = u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes();
        let bytes = [encode(&["hola"]), header.to_vec()].concat();
        let what = format!("si detrás de un marco llega otro que anuncia {length} bytes");
        // El que reservara 4 GiB podría llevarse por delante el proceso: la memoria, aparte.
        if length < u64::from(u32::MAX) {
            receives_without_reserving(&what, bytes, length)?;
        } else {
            receives(&what, &mut Line::of([bytes]), &["hola"], Some(End::TooLong))?;
        }
    }
    let exact = "x".repeat(MAX_TEXT);
    let mut line = Line::of([frame::encode(&exact)[..4].to_vec()]);
    receives("si un marco anuncia justo el máximo", &mut line, &[], None)
}

by_hand!(|listener| {
    loop {
        let (mut stream, _) = listener.accept()?;
        tell_what_arrives(&mut stream)?;
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    for start in ["printf '\\0\\0\\0\\4hola", "(printf", "printf '\\377"] {
        hands.run(start)?;
    }
    hands.wait_for_server("TooLong")
});

fn tell_what_arrives(stream: &mut TcpStream) -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "Llega alguien.")?;
    let mut pending = Vec::new();
    loop {
        let received = receive(stream, &mut pending);
        writeln!(out, "{received:?}, y en `pending` quedan {} bytes", pending.len())?;
        if received.end.is_some() {
            return Ok(());
        }
    }
}

/// Llama una vez a `receive` y comprueba lo que da.
fn receives(what: &str, line: &mut Line, messages: &[&str], end: Option<End>) -> Outcome {
    let got = line.receive(what)?;
    let expected = Received { messages: owned(messages), end };
    ensure_equal(format!("lo que devuelve tu función {what}"), &expected, &got)
}

/// Como [`receives`], y además mira cuánto creció el proceso.
fn receives_without_reserving(what: &str, bytes: Vec<u8>, length: u64) -> Outcome {
    let before = peak_memory();
    receives(what, &mut Line::of([bytes]), &["hola"], Some(End::TooLong))?;
    let grown = peak_memory().zip(before).map_or(0, |(after, before)| after.saturating_sub(before));
    // Otras pruebas, mientras tanto, gastan lo suyo, que no se acerca a un gigabyte y medio.
    ensure(length < u64::from(HOSTILE) || grown < u64::from(HOSTILE) / 4 * 3, || {
        format!(
            "Un marco anunciaba {length} bytes, y tu función reservó memoria para lo que anunciaba: \
             el proceso creció {} MiB. Cuatro bytes de un desconocido no pueden costarte eso: \
             comprueba la longitud antes de reservar nada.",
            grown >> 20
        )
    })
}

/// Memoria virtual que este proceso ha llegado a tener, en bytes (proc(5)).
fn peak_memory() -> Option<u64> {
    Some(Process::myself().ok()?.status().ok()?.vmpeak? << 10)
}

fn encode(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(frame::encode).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

/// Un socket de mentira, y lo que tu función guarda entre dos llamadas.
#[derive(Default)]
struct Line {
    source: Source,
    pending: Vec<u8>,
}

impl Line {
    /// Cada trozo, en una lectura.
    fn of(pieces: impl IntoIterator<Item = Vec<u8>>) -> Line {
        let source = Source::of(pieces.into_iter().map(Piece::Bytes));
        Line { source, pending: Vec::new() }
    }

    /// La lectura siguiente da eso.
    fn then(mut self, piece: Piece) -> Line {
        self.source.pieces.push_back(piece);
        self
    }

    /// La primera lectura da ese error.
    fn after(mut self, kind: ErrorKind) -> Line {
        self.source.pieces.push_front(Piece::Fails(kind));
        self
    }

    fn is_over(&self) -> bool {
        self.source.pieces.is_empty()
    }

    /// Una llamada a `receive`, con un límite, que ha de leer una sola vez.
    fn receive(&mut self, what: &str) -> Result<Received, Failure> {
        self.source.reads = 0;
        let (before, waiting) = (self.source.pieces.len(), self.waiting());
        let received = lending(LIMIT, "recibir lo que haya", self, |line| {
            receive(&mut line.source, &mut line.pending)
        })?;
        let reads = self.source.reads;
        ensure(reads > 0, || {
            format!("Tu función no llamó a `read` {what}: sin leer, no llega nada.")
        })?;
        ensure(reads == 1, || {
            format!(
                "Tu función llamó {reads} veces a `read` {what}. `select` solo promete que la primera \
                 no espera: la siguiente podría dormir para siempre."
            )
        })?;
        let is_cut = waiting > 0 && waiting <= SHORT && self.source.pieces.len() == before;
        ensure(!is_cut, || {
            format!(
                "Había {waiting} bytes por leer {what}, y tu función se llevó solo {}: lee con un búfer de \
                 sobra, y los trae todos de una vez.",
                waiting - self.waiting()
            )
        })?;
        Ok(received)
    }

    /// Los bytes que puede dar la próxima lectura.
    fn waiting(&self) -> usize {
        match self.source.pieces.front() {
            Some(Piece::Bytes(bytes)) => bytes.len(),
            _ => 0,
        }
    }
}
