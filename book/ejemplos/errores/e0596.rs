//! Sin `mut`.
use std::io::{self, Write};
use std::net::TcpStream;

pub fn greet(client: TcpStream) -> io::Result<()> {
    client.write_all(b"hola\n")
}
