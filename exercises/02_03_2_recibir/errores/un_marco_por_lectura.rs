//! Saca un marco de cada lectura, y deja esperando a los que llegaron con él.
//! Mensaje: «llegó        Received { messages: ["hola"], end: None }»

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
        Ok(0) if pending.is_empty() => Some(End::Left),
        Ok(0) => Some(End::CutShort),
        Ok(count) => {
            pending.extend_from_slice(&buffer[..count]);
            None
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            None
        }
        Err(error) => Some(End::Broken(error.kind())),
    };
    let mut received = Received { messages: Vec::new(), end };
    let Some((header, rest)) = pending.split_first_chunk::<HEADER>() else { return received };
    let length = u32::from_be_bytes(*header) as usize;
    if length > MAX_TEXT {
        received.end = Some(End::TooLong);
    } else if let Some(text) = rest.get(..length) {
        match str::from_utf8(text) {
            Ok(text) => received.messages.push(text.to_owned()),
            Err(_) => received.end = Some(End::NotText),
        }
        pending.drain(..HEADER + length);
    }
    received
}
