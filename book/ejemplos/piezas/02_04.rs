// ANCHOR: on_readable
fn on_readable(&mut self, id: u64) {
    let Some(mut client) = self.clients.remove(&id) else { return };
    if let Ok(1..) = client.read(&mut [0; 4096]) {
        let _ = client.write_all(RESPONSE.as_bytes());
    }
}
// ANCHOR_END: on_readable

