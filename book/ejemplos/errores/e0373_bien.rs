//! Un hilo por cliente, que se lleva su socket.
use std::io::{self, Write};
use std::net::TcpListener;
use std::thread;

// ANCHOR: way_out
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    loop {
        let (mut client, _) = listener.accept()?;
        thread::spawn(move || client.write_all(b"hola\n"));
    }
}
// ANCHOR_END: way_out
