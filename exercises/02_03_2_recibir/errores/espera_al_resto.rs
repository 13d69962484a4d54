//! Lee con `read_exact`, que insiste hasta tenerlo todo: duerme mientras falte algo.
//! Mensaje: «Tu función llamó 2 veces a `read`»

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
    let ended = |error: std::io::Error| {
        let end = match error.kind() {
            ErrorKind::UnexpectedEof => Some(End::Left),
            ErrorKind::WouldBlock | ErrorKind::Interrupted => None,
            kind => Some(End::Broken(kind)),
        };
        Received { messages: Vec::new(), end }
    };
    let mut header = [0; HEADER];
    if let Err(error) = stream.read_exact(&mut header) {
        return ended(error);
    }
    let length = u32::from_be_bytes(header) as usize;
    if length > MAX_TEXT {
        return Received { messages: Vec::new(), end: Some(End::TooLong) };
    }
    let mut text = vec![0; length];
    if let Err(error) = stream.read_exact(&mut text) {
        return ended(error);
    }
    match String::from_utf8(text) {
        Ok(text) => Received { messages: vec![text], end: None },
        Err(_) => Received { messages: Vec::new(), end: Some(End::NotText) },
    }
}
