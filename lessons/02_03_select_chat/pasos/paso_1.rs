//! Lección 02_03, paso 1: un hilo, muchos clientes. Lo que envía uno lo reciben los demás.
use nix::sys::select::{FdSet, select};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;

struct Client {
    stream: TcpStream,
    closing: bool, // Al final de la vuelta, se le cierra.
}

struct Ready {
    listener: bool,
    readable: Vec<u64>,
}

struct Chat {
    listener: TcpListener,
    clients: BTreeMap<u64, Client>, // Cada cliente, por un número que no se repite.
    next_id: u64,
}

fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_03_1 8800");
    ExitCode::from(2) // Solo se llega aquí si no pudo escuchar.
}

fn serve(port: &str) -> io::Result<()> {
    // Un socket con dirección y una cola: el núcleo mete en ella a quien llama.
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    let mut chat = Chat { listener, clients: BTreeMap::new(), next_id: 1 };
    loop {
        let ready = chat.wait()?; // Aquí se duerme.
        for id in ready.readable {
            chat.on_readable(id);
        }
        if ready.listener {
            chat.on_acceptable();
        }
        chat.clients.retain(|_, client| !client.closing); // Soltar un socket lo cierra.
    }
}

impl Chat {
    /// select duerme hasta que haya algo que leer, y deja en el conjunto solo los listos. En
    /// el que escucha, «algo que leer» es alguien en la cola. T3-16: Ctrl-C mata.
    fn wait(&self) -> io::Result<Ready> {
        let mut reading = FdSet::new();
        reading.insert(self.listener.as_fd());
        for client in self.clients.values() {
            reading.insert(client.stream.as_fd()); // T3-15: el 1024 no cabe, y es un pánico.
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

    fn on_acceptable(&mut self) {
        // T3-14: sin descriptores, accept falla, y select vuelve enseguida, sin parar.
        let Ok((stream, _)) = self.listener.accept() else { return };
        self.clients.insert(self.next_id, Client { stream, closing: false });
        self.next_id += 1;
    }

    fn on_readable(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut buffer = [0; 4096];
        match client.stream.read(&mut buffer) {
            Ok(0) | Err(_) => client.closing = true, // Cero bytes: el final.
            Ok(count) => self.broadcast(id, &buffer[..count]), // Quizá, medio mensaje.
        }
    }

    /// T3-20: nadie sabe quién habla, y en su terminal aparece cualquier cosa.
    fn broadcast(&mut self, from: u64, bytes: &[u8]) {
        for (_, client) in self.clients.iter_mut().filter(|(id, _)| **id != from) {
            // T3-11: si no lee y sus búferes se llenan, esto duerme, y con ello el chat.
            client.closing |= client.stream.write_all(bytes).is_err();
        }
    }
}
