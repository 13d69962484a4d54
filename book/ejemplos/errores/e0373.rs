//! Un hilo por cliente.
use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;

pub fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut client, _) = listener.accept()?;
        thread::spawn(|| client.write_all(b"hola\n"));
    }
}
