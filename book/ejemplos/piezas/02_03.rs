// ANCHOR: Client
struct Client {
    stream: TcpStream,
    closing: bool,
}
// ANCHOR_END: Client

// ANCHOR: Ready
struct Ready {
    listener: bool,
    readable: Vec<u64>,
}
// ANCHOR_END: Ready

// ANCHOR: Chat
struct Chat {
    listener: TcpListener,
    clients: BTreeMap<u64, Client>,
    next_id: u64,
}
// ANCHOR_END: Chat

// ANCHOR: main
fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_03_1 8800");
    ExitCode::from(2)
}
// ANCHOR_END: main

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
    let ready = |client: &Client| reading.contains(client.stream.as_fd());
    let readable = self.clients.iter().filter(|(_, it)| ready(it)).map(|(id, _)| *id).collect();
    Ok(Ready { listener: reading.contains(self.listener.as_fd()), readable })
}
// ANCHOR_END: wait

// ANCHOR: on_acceptable
fn on_acceptable(&mut self) {
    let Ok((stream, _)) = self.listener.accept() else { return };
    if stream.as_raw_fd() < 1024 && stream.set_nodelay(true).is_ok() {
        self.clients.insert(self.next_id, Client { stream, closing: false });
        self.next_id += 1;
    }
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

