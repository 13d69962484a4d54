//! Un eco de una sola vez, que dice si falló.
use std::io::{self, Read, Write};

// ANCHOR: way_out
pub fn echo(client: &mut (impl Read + Write)) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let count = client.read(&mut buffer)?;
    client.write_all(&buffer[..count])
}
// ANCHOR_END: way_out

// ANCHOR: inside
pub fn echo_or_give_up(client: &mut (impl Read + Write)) {
    let mut buffer = [0; 1024];
    let Ok(count) = client.read(&mut buffer) else { return };
    let _ = client.write_all(&buffer[..count]);
}
// ANCHOR_END: inside
