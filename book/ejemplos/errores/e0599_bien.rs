//! Con el rasgo `Write`.
use std::io;
use std::io::Write;
use std::net::TcpStream;

pub fn greet(mut client: TcpStream) -> io::Result<()> {
    client.write_all(b"hola\n")
}
