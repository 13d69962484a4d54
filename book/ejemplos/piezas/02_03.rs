// ANCHOR: serve
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    let mut chat = Chat { listener, clients: BTreeMap::new(), next_id: 1 };
    loop {
        let ready = chat.wait()?;
        for id in ready.readable {
            chat.on_readable(id);
        }
        if ready.listener {
            chat.on_acceptable();
        }
        chat.clients.retain(|_, client| !client.closing);
    }
}
// ANCHOR_END: serve

// ANCHOR: wait
fn wait(&self) -> io::Result<Ready> {
    let mut reading = FdSet::new();
    reading.insert(self.listener.as_fd());
    for client in self.clients.values() {
        reading.insert(client.stream.as_fd());
    }
    select(None, &mut reading, None, None, None)?;
    let mut readable = Vec::new();
    for (id, client) in &self.clients {
        if reading.contains(client.stream.as_fd()) {
            readable.push(*id);
        }
    }
    Ok(Ready { listener: reading.contains(self.listener.as_fd()), readable })
}
// ANCHOR_END: wait

// ANCHOR: on_acceptable
fn on_acceptable(&mut self) {
    let Ok((stream, _)) = self.listener.accept() else { return };
    self.clients.insert(self.next_id, Client { stream, closing: false });
    self.next_id += 1;
}
// ANCHOR_END: on_acceptable

// ANCHOR: on_readable
fn on_readable(&mut self, id: u64) {
    let Some(client) = self.clients.get_mut(&id) else { return };
    let mut buffer = [0; 4096];
    match client.stream.read(&mut buffer) {
        Ok(0) | Err(_) => client.closing = true,
        Ok(count) => self.broadcast(id, &buffer[..count]),
    }
}
// ANCHOR_END: on_readable

// ANCHOR: broadcast
fn broadcast(&mut self, from: u64, bytes: &[u8]) {
    for (_, client) in self.clients.iter_mut().filter(|(id, _)| **id != from) {
        client.closing |= client.stream.write_all(bytes).is_err();
    }
}
// ANCHOR_END: broadcast

