//! No distingue cerrar entre dos marcos de cerrar a mitad de uno.
//! Mensaje: «llegó        Received { messages: [], end: Some(Left) }»

use std::io::{ErrorKind, Read};

pub const HEADER: usize = 4;

pub const MAX_TEXT: usize = 65_536;

#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    pub messages: Vec<String>,
    pub end: Option<End>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Left,
    CutShort,
    TooLong,
    NotText,
    Broken(ErrorKind),
}

pub fn receive<R: Read>(stream: &mut R, pending: &mut Vec<u8>) -> Received {
    let mut buffer = [0; 4096];
    let end = match stream.read(&mut buffer) {
        Ok(0) => Some(End::Left),
        Ok(count) => {
            pending.extend_from_slice(&buffer[..count]);
            None
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            None
        }
        Err(error) => Some(End::Broken(error.kind())),
    };
    let mut messages = Vec::new();
    while let Some((header, rest)) = pending.split_first_chunk::<HEADER>() {
        let length = u32::from_be_bytes(*header) as usize;
        if length > MAX_TEXT {
            return Received { messages, end: Some(End::TooLong) };
        }
        let Some(text) = rest.get(..length) else { break };
        let Ok(text) = str::from_utf8(text) else {
            return Received { messages, end: Some(End::NotText) };
        };
        messages.push(text.to_owned());
        pending.drain(..HEADER + length);
    }
    Received { messages, end }
}
