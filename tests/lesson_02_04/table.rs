//! Las peticiones de `requests.txt`, una a una: enteras y a trozos.

use std::thread;
use std::time::Duration;

use harness::{Peer, Server};

use super::web::{self, BODY, Outcome, ask, conversation};

const TABLE: &str = include_str!("requests.txt");

/// Una larga no se envía byte a byte: en tantos trozos como mucho.
const PIECES: usize = 400;

/// Filas que se prueban a la vez.
const THREADS: usize = 8;

/// Una fila de la tabla.
struct Row {
    line: usize,
    answers: Vec<Answer>,
    ending: Ending,
    /// No se envía a trozos.
    only_whole: bool,
    section: &'static str,
    defect: &'static str,
    shown: &'static str,
    request: Vec<u8>,
}

struct Answer {
    status: u16,
    has_body: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    Closed,
    Waiting,
}

#[test]
fn cada_petición_de_la_tabla_recibe_lo_que_manda_su_sección() -> Outcome {
    assert!(rows().len() >= 300, "la tabla solo tiene {} filas", rows().len());
    check("")
}

#[test]
fn f6_lo_que_se_sabe_malo_se_rechaza_en_cuanto_se_sabe() -> Outcome {
    check("F6")
}

#[test]
fn f7_un_host_mal_escrito_se_rechaza() -> Outcome {
    check("F7")
}

#[test]
fn f8_un_host_raro_y_bien_escrito_se_admite() -> Outcome {
    check("F8")
}

#[test]
fn f9_sin_chunked_al_final_no_se_sabe_dónde_acaba_el_cuerpo() -> Outcome {
    check("F9")
}

#[test]
fn f10_rechazar_un_head_no_lleva_contenido() -> Outcome {
    check("F10")
}

#[test]
fn f11_a_una_versión_1_posterior_se_le_habla_como_a_la_1_1() -> Outcome {
    check("F11")
}

#[test]
fn f12_el_destino_tiene_la_forma_que_pide_su_método() -> Outcome {
    check("F12")
}

#[test]
fn f13_expect_se_ignora_en_http_1_0_y_se_busca_en_toda_la_lista() -> Outcome {
    check("F13")
}

#[test]
fn f14_los_campos_finales_son_como_los_de_una_cabecera() -> Outcome {
    check("F14")
}

/// Las filas de ese defecto; sin él, las que no son de ninguno.
fn check(defect: &str) -> Outcome {
    let mut rows = rows();
    rows.retain(|row| row.defect == defect);
    assert!(!rows.is_empty(), "ninguna fila es de {defect}");
    // Sin plazos que ayuden: lo que se espera llega porque ya se sabe.
    let server = web::server(&["--head-timeout", "600", "--idle-timeout", "600"])?;
    let share = rows.len().div_ceil(THREADS);
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = rows
            .chunks(share)
            .map(|rows| scope.spawn(|| rows.iter().flat_map(|row| row.failures(&server)).collect()))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| {
                thread.join().unwrap_or_else(|_| vec!["una fila acabó en pánico\n".to_owned()])
            })
            .collect()
    });
    let shown = failures.iter().take(5).cloned().collect::<String>();
    assert!(failures.is_empty(), "fallan {}. Los primeros:\n\n{shown}", failures.len());
    Ok(())
}

fn rows() -> Vec<Row> {
    let lines = (1..).zip(TABLE.lines());
    lines.filter(|(_, text)| !text.is_empty() && !text.starts_with('#')).map(Row::parse).collect()
}

impl Row {
    fn parse((line, text): (usize, &'static str)) -> Row {
        let (columns, shown) = text.split_once(" | ").expect("una fila lleva « | »");
        let columns: Vec<_> = columns.split_whitespace().collect();
        let [answers, ending, section, ref defect @ ..] = columns[..] else {
            panic!("línea {line}: {columns:?}")
        };
        let answers = answers.split(',').filter(|answer| *answer != "-").map(|answer| {
            let status = answer.trim_end_matches('-').parse().expect(text);
            Answer { status, has_body: !answer.ends_with('-') }
        });
        let only_whole = ending == "cierra1";
        let ending = match ending {
            "sigue" => Ending::Open,
            "cierra" | "cierra1" => Ending::Closed,
            "espera" => Ending::Waiting,
            other => panic!("línea {line}: «{other}»"),
        };
        assert!(section.contains('§'), "línea {line}: ¿qué sección?");
        let (request, rest) = unescape(shown);
        assert_eq!(rest, "", "línea {line}: sobra una llave");
        let (answers, defect) = (answers.collect(), defect.first().unwrap_or(&""));
        Row { line, answers, ending, only_whole, section, defect, shown, request }
    }

    /// Lo que falla, entera y a trozos.
    fn failures(&self, server: &Server) -> Vec<String> {
        let pieces =
            [("entera", self.request.len()), ("a trozos", self.request.len() / PIECES + 1)];
        let told = |(way, size)| {
            let failure = self.check(server, size).err()?;
            let Row { line, section, shown, .. } = self;
            Some(format!("requests.txt:{line} ({section}), {way}: {shown}\n{failure}\n\n"))
        };
        let ways = if self.only_whole { 1 } else { pieces.len() };
        pieces.into_iter().take(ways).filter_map(told).collect()
    }

    fn check(&self, server: &Server, size: usize) -> Outcome {
        let mut client = conversation(server).peer("quien pide")?;
        for piece in self.request.chunks(size) {
            // Tras un rechazo, el servidor puede haberse ido ya.
            if client.try_send(piece) < piece.len() {
                break;
            }
            if size < self.request.len() {
                thread::sleep(Duration::from_micros(300));
            }
        }
        for (number, answer) in (1..).zip(&self.answers) {
            let is_last = number == self.answers.len();
            answer.check(&mut client, is_last && self.ending == Ending::Closed)?;
        }
        match self.ending {
            Ending::Open => ask(&mut client)?,
            Ending::Closed => return client.expect_end(),
            Ending::Waiting => {}
        }
        client.leave()
    }
}

impl Answer {
    fn check(&self, client: &mut Peer, closes: bool) -> Outcome {
        let answer = if self.has_body {
            client.expect_response()?
        } else {
            client.expect_response_to_head()?
        };
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        let is_right_body = match (self.has_body, answer.status) {
            (false, _) => body.is_empty(),
            (true, 200) => body == BODY,
            // Una frase, en una línea.
            (true, _) => body.ends_with(".\n") && body.lines().count() == 1,
        };
        let is_right = answer.status == self.status
            && answer.announces_close() == closes
            && answer.header("Content-Length").is_some_and(|length| length != "0")
            && is_right_body;
        if is_right {
            return Ok(());
        }
        let expected = format!("{}, {}", self.status, if closes { "y cierra" } else { "y sigue" });
        let got = format!("{}, «{body}», {:?}", answer.status, answer.header("Connection"));
        Err(client.mismatch("No es la respuesta esperada.", expected, got))
    }
}

/// Los bytes que nombra un texto, hasta su final o hasta la llave que cierra; y lo que queda.
fn unescape(text: &str) -> (Vec<u8>, &str) {
    unescape_until(text, None)
}

fn unescape_until(mut text: &str, end: Option<char>) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    while let Some(next) = text.chars().next() {
        text = &text[next.len_utf8()..];
        if Some(next) == end {
            return (bytes, text);
        }
        if next != '\\' {
            bytes.extend_from_slice(next.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let (kind, rest) = text.split_at(1);
        text = rest;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "\\" => bytes.push(b'\\'),
            "x" => {
                bytes.push(u8::from_str_radix(&text[..2], 16).expect("\\x lleva dos cifras"));
                text = &text[2..];
            }
            "{" => {
                let (count, rest) = text.split_once(' ').expect("\\{300 ab}");
                let (repeated, rest) = unescape_until(rest, Some('}'));
                bytes.extend(repeated.repeat(count.parse().expect("\\{300 ab}")));
                text = rest;
            }
            other => panic!("«\\{other}» no se usa"),
        }
    }
    assert_eq!(end, None, "falta una llave");
    (bytes, text)
}

#[test]
fn lo_que_se_escribe_con_barra_son_los_bytes_que_nombra() {
    assert_eq!(unescape(r"a\r\n\x16\\\{2 b\{3 c}}").0, b"a\r\n\x16\\bcccbccc");
}
