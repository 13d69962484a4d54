//! Se apunta al cliente en el mapa, y después se le saluda.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

type Clients = BTreeMap<u64, TcpStream>;

pub fn welcome(listener: &TcpListener, clients: &mut Clients) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    clients.insert(1, stream);
    stream.write_all(b"hola\n")
}
