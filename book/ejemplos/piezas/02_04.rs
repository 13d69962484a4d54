// ANCHOR: EpollServer
struct EpollServer {
    epoll: Epoll,
    listener: TcpListener,
    clients: BTreeMap<u64, TcpStream>,
    next_id: u64,
}
// ANCHOR_END: EpollServer

// ANCHOR: main
fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_04_1 8080");
    ExitCode::from(2)
}
// ANCHOR_END: main

// ANCHOR: serve
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut server = EpollServer { epoll, listener, clients: BTreeMap::new(), next_id: 1 };
    loop {
        for id in server.wait()? {
            match id {
                LISTENER => server.on_acceptable(),
                id => server.on_readable(id),
            }
        }
    }
}
// ANCHOR_END: serve

// ANCHOR: wait
fn wait(&self) -> io::Result<Vec<u64>> {
    let mut events = [EpollEvent::empty(); 64];
    match self.epoll.wait(&mut events, EpollTimeout::NONE) {
        Err(Errno::EINTR) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
        Ok(count) => Ok(events[..count].iter().map(EpollEvent::data).collect()),
    }
}
// ANCHOR_END: wait

// ANCHOR: on_acceptable
fn on_acceptable(&mut self) {
    let Ok((stream, _)) = self.listener.accept() else { return };
    if self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, self.next_id)).is_ok() {
        self.clients.insert(self.next_id, stream);
        self.next_id += 1;
    }
}
// ANCHOR_END: on_acceptable

// ANCHOR: on_readable
fn on_readable(&mut self, id: u64) {
    let Some(mut client) = self.clients.remove(&id) else { return };
    if let Ok(1..) = client.read(&mut [0; 4096]) {
        let _ = client.write_all(RESPONSE.as_bytes());
    }
}
// ANCHOR_END: on_readable

