//! Un eco de una sola vez.
use std::io::{Read, Write};

pub fn echo(client: &mut (impl Read + Write)) {
    let mut buffer = [0; 1024];
    let count = client.read(&mut buffer)?;
    let _ = client.write_all(&buffer[..count]);
}
