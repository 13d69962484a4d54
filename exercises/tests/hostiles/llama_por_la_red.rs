//! Llama a un servidor de esta máquina, y a uno de fuera.
//!
//! Merece: falla, 0 puntos.
//! Dice: respondieron: [false, false, false]

use std::io::{self, Read, Write};

pub fn echo<S: Read + Write>(stream: &mut S) -> io::Result<u64> {
    use std::net::{TcpStream, UdpSocket};
    let mut answers = Vec::new();
    for place in ["127.0.0.1:{puerto}", "1.1.1.1:53", "[2606:4700:4700::1111]:53"] {
        let limit = std::time::Duration::from_millis(500);
        answers.push(TcpStream::connect_timeout(&place.parse().unwrap(), limit).is_ok());
        let udp = UdpSocket::bind("0.0.0.0:0")?;
        let _ = udp.send_to(b"hola", place);
    }
    panic!("respondieron: {answers:?}")
}
