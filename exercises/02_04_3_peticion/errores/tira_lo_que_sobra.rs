//! Entrega la cabecera y vacía `input`: se pierde lo que llegó detrás.
//! Mensaje: «lo que queda en `input`»

use std::io::{ErrorKind, Read};

pub const MAX_HEAD: usize = 8192;

const END: &[u8] = b"\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    Wait,
    Head(Vec<u8>),
    TooLong,
    Left,
    CutShort,
    Broken(ErrorKind),
}

#[derive(Debug, Default)]
pub struct Request {
    pub input: Vec<u8>,
    pub scanned: usize,
}

impl Request {
    pub fn on_readable<R: Read>(&mut self, stream: &mut R) -> Step {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) if self.input.is_empty() => return Step::Left,
            Ok(0) => return Step::CutShort,
            Ok(count) => self.input.extend_from_slice(&buffer[..count]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                return Step::Wait;
            }
            Err(error) => return Step::Broken(error.kind()),
        }
        match end_of_head(&self.input, self.scanned) {
            Some(end) if end <= MAX_HEAD => {
                self.scanned = 0;
                let head = self.input[..end].to_vec();
                self.input.clear();
                Step::Head(head)
            }
            None if self.input.len() < MAX_HEAD => {
                self.scanned = self.input.len();
                Step::Wait
            }
            _ => Step::TooLong,
        }
    }
}

pub fn end_of_head(input: &[u8], scanned: usize) -> Option<usize> {
    let from = scanned.saturating_sub(END.len() - 1);
    let found = input.get(from..)?.windows(END.len()).position(|bytes| bytes == END)?;
    Some(from + found + END.len())
}
