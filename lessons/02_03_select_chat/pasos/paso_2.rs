//! Lección 02_03, paso 2: lo que envía uno les llega a los demás cuando está entero, en marcos.
use multiplexacion::frame;
use nix::sys::select::{FdSet, select};
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;

struct Client {
    stream: TcpStream,
    input: Vec<u8>, // Lo leído que aún no es un mensaje entero.
    closing: bool,
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
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_03_2 8800");
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
    /// select duerme hasta que haya algo que leer en alguno, y deja en el conjunto solo esos. En
    /// el que escucha, «algo que leer» es alguien en la cola. T3-16: Ctrl-C no está: mata.
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

    fn on_acceptable(&mut self) {
        // T3-14: sin descriptores libres falla, y select vuelve enseguida, una y otra vez.
        let Ok((stream, _)) = self.listener.accept() else { return };
        // T3-15: el descriptor 1024 no cabe, y se cierra. Cada mensaje, además, sale en el momento.
        if stream.as_raw_fd() < 1024 && stream.set_nodelay(true).is_ok() {
            self.clients.insert(self.next_id, Client { stream, input: Vec::new(), closing: false });
            self.next_id += 1;
        }
    }

    fn on_readable(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut buffer = [0; 4096];
        match client.stream.read(&mut buffer) {
            Ok(0) | Err(_) => client.closing = true, // Cero bytes: cerró su lado.
            Ok(count) => {
                client.input.extend_from_slice(&buffer[..count]);
                self.receive(id);
            }
        }
    }

    /// Saca de lo leído los mensajes que estén enteros: ninguno, uno o varios.
    fn receive(&mut self, id: u64) {
        while let Some(client) = self.clients.get_mut(&id) {
            match frame::decode(&client.input) {
                Ok(Some((text, used))) => {
                    let text = text.to_owned();
                    client.input.drain(..used);
                    self.broadcast(id, &text);
                }
                Ok(None) => return, // Falta un trozo: llegará en otra lectura, o nunca.
                Err(_) => {
                    client.closing = true; // Una longitud imposible, o algo que no es texto.
                    return;
                }
            }
        }
    }

    /// T3-20: nadie sabe quién habla, y a la terminal de los demás le llega cualquier cosa.
    fn broadcast(&mut self, from: u64, text: &str) {
        let Ok(frame) = frame::encode(text) else { return };
        for (_, client) in self.clients.iter_mut().filter(|(id, _)| **id != from) {
            // T3-11: si no lee y sus búferes se llenan, write_all duerme, y con él todo el chat.
            client.closing |= client.stream.write_all(&frame).is_err();
        }
    }
}
