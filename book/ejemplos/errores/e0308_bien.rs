//! Un eco que cuenta lo que devuelve, en la clase de número que prometió.
use std::io::{self, Read, Write};

// ANCHOR: way_out
pub fn echo(client: &mut (impl Read + Write)) -> io::Result<u64> {
    let mut buffer = [0; 1024];
    let mut total = 0;
    while let count @ 1.. = client.read(&mut buffer)? {
        client.write_all(&buffer[..count])?;
        total += count as u64;
    }
    Ok(total)
}
// ANCHOR_END: way_out
