//! Una línea usa lo que ya es de otro.
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};

pub struct Client {
    stream: TcpStream,
    pub closing: bool,
}

pub fn welcome(listener: &TcpListener, clients: &mut BTreeMap<u64, Client>) -> io::Result<()> {
    // ANCHOR: question
    let (stream, address) = listener.accept()?;
    let client = Client { stream, closing: false };
    clients.insert(1, client);
    client.stream.set_nonblocking(true)?;
    println!("Llegó {address}");
    // ANCHOR_END: question
    Ok(())
}
