//! Primero se prepara el socket; después se entrega.
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};

pub struct Client {
    pub stream: TcpStream,
    pub closing: bool,
}

pub fn welcome(listener: &TcpListener, clients: &mut BTreeMap<u64, Client>) -> io::Result<()> {
    let (stream, address) = listener.accept()?;
    stream.set_nonblocking(true)?;
    let client = Client { stream, closing: false };
    clients.insert(1, client);
    println!("Llegó {address}");
    Ok(())
}
