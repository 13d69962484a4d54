//! Con `mut`.
use std::io::{self, Write};
use std::net::TcpStream;

pub fn greet(mut client: TcpStream) -> io::Result<()> {
    client.write_all(b"hola\n")
}
