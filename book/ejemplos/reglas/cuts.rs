//! Un flujo con tres marcos, cortado en lecturas por muchos sitios: qué dice el descodificador.

use std::io::{self, Read, Write};

use ejemplos::{connected, wait_for_bytes};
use multiplexacion::frame::{self, HEADER};
use serde::Serialize;

/// Lo que dice Ana, como en el juego.
const TEXTS: [&str; 3] = ["hola", "sí", "adiós"];
/// Otros bytes que no son marcos, o que lo son por poco.
const ODD: [&[u8]; 5] =
    [&[0; 4], &[0xFF; 4], &[0, 1, 0, 0], &[0, 1, 0, 1], &[0, 0, 0, 2, 0xC3, b'!']];

#[derive(Serialize)]
pub(crate) struct Observed {
    stream: Vec<u8>,
    readings: Vec<Vec<Reading>>,
    odd: Vec<Odd>,
}

/// Una lectura, y lo que se supo con ella.
#[derive(Serialize)]
struct Reading {
    got: usize,
    texts: Vec<String>,
    kept: usize,
    /// Los bytes que faltan para conocer la longitud. Cero, si ya se conoce o no se espera nada.
    lacks_of_length: usize,
    /// Los que faltan para tener el texto. Cero, si aún no se sabe.
    lacks_of_text: usize,
}

/// Unos bytes, y lo que dice de ellos el descodificador.
#[derive(Serialize)]
struct Odd {
    bytes: Vec<u8>,
    said: &'static str,
}

pub(crate) fn observe() -> io::Result<Observed> {
    let frames = TEXTS.map(|text| frame::encode(text).unwrap_or_default());
    let stream = frames.concat();
    let all = stream.len();
    let in_two = (1..all).map(|cut| vec![cut, all]);
    let by_size = (1..=all).map(|size| (size..all).step_by(size).chain([all]).collect());
    let readings = in_two
        .chain(by_size)
        .map(|ends: Vec<usize>| read(&stream, &ends))
        .collect::<io::Result<_>>()?;
    let odd = ODD.iter().map(|bytes| Odd { bytes: bytes.to_vec(), said: said(bytes) }).collect();
    Ok(Observed { stream, readings, odd })
}

/// Lee el flujo de un socket, con una lectura hasta cada uno de `ends`.
fn read(stream: &[u8], ends: &[usize]) -> io::Result<Vec<Reading>> {
    let (mut ana, mut beto) = connected()?;
    ana.write_all(stream)?;
    wait_for_bytes(&beto, stream.len())?;
    let (mut kept, mut taken) = (Vec::new(), 0);
    let mut readings = Vec::new();
    for end in ends {
        let mut buffer = vec![0; end - taken];
        let got = beto.read(&mut buffer)?;
        kept.extend_from_slice(&buffer[..got]);
        taken += got;
        let texts = take_frames(&mut kept);
        readings.push(Reading {
            got,
            texts,
            kept: kept.len(),
            lacks_of_length: lacks_of_length(&kept),
            lacks_of_text: lacks_of_text(&kept, &stream[taken..]),
        });
    }
    Ok(readings)
}

fn take_frames(kept: &mut Vec<u8>) -> Vec<String> {
    let mut texts = Vec::new();
    while let Ok(Some((text, used))) = frame::decode(kept) {
        texts.push(text.to_owned());
        kept.drain(..used);
    }
    texts
}

/// Cuántos ceros hacen falta para que dé un mensaje vacío: con ellos, ya conoce la longitud.
fn lacks_of_length(kept: &[u8]) -> usize {
    let knows = |more: &usize| gives_a_message(&[kept, &vec![0; *more]].concat());
    if (1..HEADER).contains(&kept.len()) { (1..=HEADER).find(knows).unwrap_or_default() } else { 0 }
}

/// Cuántos de los bytes que vienen hacen falta para que dé el mensaje.
fn lacks_of_text(kept: &[u8], coming: &[u8]) -> usize {
    let gives = |more: &usize| gives_a_message(&[kept, &coming[..*more]].concat());
    if kept.len() < HEADER { 0 } else { (1..=coming.len()).find(gives).unwrap_or_default() }
}

fn gives_a_message(bytes: &[u8]) -> bool {
    matches!(frame::decode(bytes), Ok(Some(_)))
}

fn said(bytes: &[u8]) -> &'static str {
    match frame::decode(bytes) {
        Ok(Some(_)) => "message",
        Ok(None) => "wait",
        Err(_) => "error",
    }
}
