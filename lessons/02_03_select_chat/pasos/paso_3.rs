//! Lección 02_03, paso 3: a quien no lee se le guarda lo suyo, y los demás no lo esperan.
use multiplexacion::frame;
use nix::sys::select::{FdSet, select};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::ExitCode;

/// Lo que se guarda, como mucho, para quien no lee.
const MAX_OUTPUT: usize = 1024 * 1024;

struct Client {
    stream: TcpStream,
    input: Vec<u8>,  // Lo leído que aún no es un mensaje entero.
    output: Vec<u8>, // Lo que se le dirá en cuanto quepa.
    closing: bool,   // Al final de la vuelta, se le cierra.
}

struct Ready {
    listener: bool,
    readable: Vec<u64>,
    writable: Vec<u64>,
}

struct Chat {
    listener: TcpListener,
    clients: BTreeMap<u64, Client>, // Cada cliente, por un número que no se repite.
    next_id: u64,
}

fn main() -> ExitCode {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let _ = writeln!(io::stderr(), "Di un puerto libre: cargo run --example paso_02_03_3 8800");
    ExitCode::from(2) // Solo se llega aquí si no pudo escuchar.
}

fn serve(port: &str) -> io::Result<()> {
    // Un socket con dirección y una cola: el núcleo mete en ella a quien llama.
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?;
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    listener.set_nonblocking(true)?; // accept ya no duerme: si no hay nadie, falla.
    let mut chat = Chat { listener, clients: BTreeMap::new(), next_id: 1 };
    loop {
        let ready = chat.wait()?; // Aquí se duerme, y en ningún otro sitio.
        for id in ready.readable {
            chat.on_readable(id);
        }
        for id in ready.writable {
            chat.on_writable(id);
        }
        if ready.listener {
            chat.on_acceptable();
        }
        chat.clients.retain(|_, client| !client.closing); // Soltar un socket lo cierra.
    }
}

impl Client {
    /// Pone un marco en la cola, y escribe ya lo que quepa.
    fn send(&mut self, frame: &[u8]) {
        self.output.extend_from_slice(frame);
        self.flush();
        // Guardarlo todo acabaría con la memoria; a quien no lee a tiempo se le cierra.
        self.closing |= self.output.len() > MAX_OUTPUT;
    }

    /// write toma lo que cabe en el búfer de salida del núcleo; lo demás sigue aquí.
    fn flush(&mut self) {
        match self.stream.write(&self.output) {
            Ok(count) => drop(self.output.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {} // Está lleno.
            Err(_) => self.closing = true,
        }
    }
}

impl Chat {
    /// select duerme hasta que haya algo que leer, o sitio donde escribir, y deja en cada
    /// conjunto solo los listos. En el que escucha, «algo que leer» es alguien en la cola.
    /// T3-16: Ctrl-C mata.
    fn wait(&self) -> io::Result<Ready> {
        let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
        reading.insert(self.listener.as_fd());
        for client in self.clients.values() {
            reading.insert(client.stream.as_fd());
            // Casi siempre hay sitio: con todos aquí, select no dormiría nunca.
            if !client.output.is_empty() {
                writing.insert(client.stream.as_fd());
            }
        }
        select(None, &mut reading, &mut writing, None, None)?;
        let (mut readable, mut writable) = (Vec::new(), Vec::new());
        for (id, client) in &self.clients {
            if reading.contains(client.stream.as_fd()) {
                readable.push(*id);
            }
            if writing.contains(client.stream.as_fd()) {
                writable.push(*id);
            }
        }
        Ok(Ready { listener: reading.contains(self.listener.as_fd()), readable, writable })
    }

    fn on_acceptable(&mut self) {
        // T3-14: sin descriptores, accept falla, y select vuelve enseguida, sin parar.
        let Ok((stream, _)) = self.listener.accept() else { return };
        // T3-15: el descriptor 1024 no cabe en un conjunto: se cierra, sin decir por qué.
        if stream.as_raw_fd() < 1024
            && stream.set_nodelay(true).is_ok()
            && stream.set_nonblocking(true).is_ok()
        {
            let (input, output) = (Vec::new(), Vec::new());
            let client = Client { stream, input, output, closing: false };
            self.clients.insert(self.next_id, client);
            self.next_id += 1;
        }
    }

    fn on_readable(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut buffer = [0; 4096];
        match client.stream.read(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {} // No había nada.
            Ok(0) | Err(_) => client.closing = true, // Lo que tenga en la cola se pierde.
            Ok(count) => {
                client.input.extend_from_slice(&buffer[..count]);
                self.receive(id);
            }
        }
    }

    /// Vuelve a haber sitio en su búfer de salida.
    fn on_writable(&mut self, id: u64) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.flush();
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
                Ok(None) => return, // Falta una parte: llegará en otra lectura, o nunca.
                Err(_) => {
                    client.closing = true; // Una longitud imposible, o no es texto.
                    return;
                }
            }
        }
    }

    /// T3-20: nadie sabe quién habla, y en su terminal aparece cualquier cosa.
    fn broadcast(&mut self, from: u64, text: &str) {
        let Ok(frame) = frame::encode(text) else { return };
        for (_, client) in self.clients.iter_mut().filter(|(id, _)| **id != from) {
            client.send(&frame);
        }
    }
}
