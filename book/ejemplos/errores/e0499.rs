//! Se difunde un mensaje, y se quita a quien ya no está.
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

pub fn broadcast(clients: &mut BTreeMap<u64, TcpStream>, bytes: &[u8]) {
    for (id, client) in clients.iter_mut() {
        if client.write_all(bytes).is_err() {
            clients.remove(id);
        }
    }
}
