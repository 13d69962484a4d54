//! Se saluda al cliente, y después se le apunta en el mapa.
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};

type Clients = BTreeMap<u64, TcpStream>;

// ANCHOR: way_out
pub fn welcome(listener: &TcpListener, clients: &mut Clients) -> io::Result<()> {
    let (mut stream, _) = listener.accept()?;
    stream.write_all(b"hola\n")?;
    clients.insert(1, stream);
    Ok(())
}
// ANCHOR_END: way_out
