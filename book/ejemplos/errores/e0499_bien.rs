//! Se difunde un mensaje, y se queda quien sigue ahí.
use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;

// ANCHOR: way_out
pub fn broadcast(clients: &mut BTreeMap<u64, TcpStream>, bytes: &[u8]) {
    clients.retain(|_, client| client.write_all(bytes).is_ok());
}
// ANCHOR_END: way_out
