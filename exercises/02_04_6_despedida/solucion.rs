//! Despedirse sin dejar nada. El enunciado está en enunciado.md, en esta misma carpeta.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};

use multiplexacion::errors;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Lo que se espera de quien todavía puede hablar.
pub const LISTENING: EpollFlags = EpollFlags::EPOLLIN.union(EpollFlags::EPOLLRDHUP);

/// Todos los clientes.
#[derive(Debug)]
pub struct Room {
    /// Quien los vigila, por nivel.
    pub epoll: Epoll,
    /// Los que están, por su número en epoll.
    pub clients: HashMap<u64, Client>,
    /// Cuántos han llegado.
    pub arrived: u64,
}

/// Un cliente. Cuando cierra su lado, se le responde con todo lo que dijo.
#[derive(Debug)]
pub struct Client {
    /// Su socket, no bloqueante.
    pub stream: TcpStream,
    /// Lo que ha dicho.
    pub heard: Vec<u8>,
    /// Lo que falta por responderle.
    pub out: VecDeque<u8>,
    /// Cerró su lado: no dirá nada más, y aún puede recibir.
    pub ended: bool,
    /// Por qué hay que despedirlo, si hay que despedirlo ya.
    pub closing: Option<Reason>,
}

/// Por qué se va un cliente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Terminó.
    Left,
    /// Su conexión falló, y cómo.
    Broken(ErrorKind),
}

/// Una despedida.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Farewell {
    /// De quién.
    pub id: u64,
    /// Por qué.
    pub reason: Reason,
    /// Cuántos bytes dijo.
    pub heard: usize,
}

impl Client {
    /// Qué se espera de él ahora.
    pub fn interest(&self) -> EpollFlags {
        // <tu código>
        if !self.out.is_empty() {
            EpollFlags::EPOLLOUT
        } else if self.ended {
            // El final se puede leer para siempre: quien siga pidiendo EPOLLIN no duerme más.
            EpollFlags::empty()
        } else {
            LISTENING
        }
        // </tu código>
    }
}

impl Room {
    /// Entra un cliente. Devuelve su número, que no fue ni será de nadie más.
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<u64> {
        // <tu código>
        let client = Client::new(stream)?;
        // El descriptor no sirve de número: el núcleo se lo da al siguiente en cuanto se cierra.
        self.arrived += 1;
        let id = self.arrived;
        self.epoll.add(&client.stream, EpollEvent::new(client.interest(), id))?;
        self.clients.insert(id, client);
        Ok(id)
        // </tu código>
    }

    /// Lo que dice epoll de un cliente. No cierra nada.
    pub fn on_client(&mut self, id: u64, flags: EpollFlags) {
        // <tu código>
        // Un aviso atrasado, de quien ya no está.
        let Some(client) = self.clients.get_mut(&id) else { return };
        if flags.contains(EpollFlags::EPOLLIN) {
            // Antes que EPOLLHUP y EPOLLERR, que vuelven mientras no se cierre: lo que dijo antes
            // de irse está en el núcleo, y después de leerlo el motivo lo da otra lectura.
            match client.hear() {
                Ok(Heard::Bytes | Heard::Nothing) => {}
                Ok(Heard::End) => {
                    client.ended = true;
                    client.reply();
                }
                Err(error) => client.closing = Some(Reason::Broken(error.kind())),
            }
        } else if flags.intersects(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP) {
            // El error que guarda el socket, SO_ERROR, es de este cliente y de nadie más.
            let error = client.stream.take_error().ok().flatten();
            client.closing = Some(error.map_or(Reason::Left, |error| Reason::Broken(error.kind())));
        }
        if client.closing.is_none()
            && let Err(error) = client.say()
        {
            client.closing = Some(Reason::Broken(error.kind()));
        }
        // </tu código>
    }

    /// Despide a quien tiene un motivo, y a quien terminó y ya lo recibió todo. El único lugar
    /// que cierra.
    pub fn reap(&mut self) -> Vec<Farewell> {
        // <tu código>
        let done =
            |client: &Client| client.closing.is_some() || (client.ended && client.out.is_empty());
        let ids: Vec<u64> =
            self.clients.iter().filter(|(_, client)| done(client)).map(|(id, _)| *id).collect();
        let mut farewells = Vec::new();
        for id in ids {
            // Con el cliente se va todo lo suyo. Al cerrarse, el núcleo lo quita de epoll (epoll(7)).
            if let Some(client) = self.clients.remove(&id) {
                let reason = client.closing.unwrap_or(Reason::Left);
                farewells.push(Farewell { id, reason, heard: client.heard.len() });
            }
        }
        farewells
        // </tu código>
    }
}

// ---- Desde aquí no hay nada que cambiar ---------------------------------------------------

/// Lo que se guarda de un cliente, como mucho.
const MAX_HEARD: usize = 64 * 1024 * 1024;

/// El número que se da en epoll al socket que escucha.
const LISTENER: u64 = u64::MAX;

/// Lo que dio una lectura.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Llegaron bytes.
    Bytes,
    /// No había nada que leer.
    Nothing,
    /// `read` dio cero: no dirá nada más.
    End,
}

impl Client {
    /// Un cliente que acaba de llegar, con su socket ya no bloqueante.
    pub fn new(stream: TcpStream) -> io::Result<Client> {
        stream.set_nonblocking(true)?;
        let (heard, out) = (Vec::new(), VecDeque::new());
        Ok(Client { stream, heard, out, ended: false, closing: None })
    }

    /// Lee una vez, y guarda lo que llegue en `heard`.
    pub fn hear(&mut self) -> io::Result<Heard> {
        let mut buffer = [0; 16 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Ok(Heard::End),
            Ok(count) if self.heard.len() + count > MAX_HEARD => Err(ErrorKind::InvalidData.into()),
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Ok(Heard::Bytes)
            }
            Err(error) if not_now(&error) => Ok(Heard::Nothing),
            Err(error) => Err(error),
        }
    }

    /// Prepara su respuesta, que falta por escribir.
    pub fn reply(&mut self) {
        self.out.extend(format!("{} bytes:\n", self.heard.len()).bytes());
        self.out.extend(&self.heard);
    }

    /// Escribe lo que quepa de su respuesta, si le falta algo.
    pub fn say(&mut self) -> io::Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(self.out.make_contiguous()) {
            Ok(count) => drop(self.out.drain(..count)),
            Err(error) if not_now(&error) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn not_now(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Room {
    /// Una sala vacía.
    pub fn new() -> io::Result<Room> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Room { epoll, clients: HashMap::new(), arrived: 0 })
    }

    /// Una vuelta: atiende los avisos, y despide a quien toque.
    pub fn round(&mut self, events: &[(u64, EpollFlags)]) -> Vec<Farewell> {
        for (id, flags) in events {
            self.on_client(*id, *flags);
            self.follow_up(*id);
        }
        self.reap()
    }

    /// Pone al día lo que se espera de un cliente.
    fn follow_up(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut event = EpollEvent::new(client.interest(), id);
        if let Err(error) = self.epoll.modify(&client.stream, &mut event) {
            client.closing = Some(Reason::Broken(io::Error::from(error).kind()));
        }
    }

    /// Los avisos que haya: el número y las banderas de cada uno.
    pub fn wait(&self, timeout: EpollTimeout) -> io::Result<Vec<(u64, EpollFlags)>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = match self.epoll.wait(&mut events, timeout) {
            Ok(count) => count,
            // Ctrl-Z y `fg` también despiertan (signal(7)).
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(events[..count].iter().map(|event| (event.data(), event.events())).collect())
    }
}

/// Atiende a todos en este hilo. A `tell` se le cuenta cada paso.
pub fn serve(listener: &TcpListener, tell: impl Fn(&str)) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let mut room = Room::new()?;
    room.epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut told = (LISTENER, EpollFlags::empty());
    loop {
        let mut events = room.wait(EpollTimeout::NONE)?;
        for event @ (id, flags) in &events {
            if *id != LISTENER {
                // Un mensaje largo son muchos avisos iguales: se cuenta el primero.
                if *event != told {
                    let names: Vec<_> = flags.iter_names().map(|(name, _)| name).collect();
                    tell(&format!("cliente {id}: {}", names.join(" | ")));
                    told = *event;
                }
            } else if let Some(stream) = accept(listener)? {
                // Lo que vaya mal al entrar es cosa suya.
                match room.enter(stream) {
                    Ok(id) => tell(&format!("cliente {id}: entra")),
                    Err(error) => {
                        tell(&format!("alguien no pudo entrar: {}", errors::reason(&error)));
                    }
                }
            }
        }
        events.retain(|(id, _)| *id != LISTENER);
        for Farewell { id, reason, heard } in room.round(&events) {
            let why = match reason {
                Reason::Left => "terminó".to_owned(),
                Reason::Broken(kind) => errors::reason(&kind.into()),
            };
            tell(&format!("cliente {id}: fuera, tras {heard} bytes: {why}"));
        }
    }
}

fn accept(listener: &TcpListener) -> io::Result<Option<TcpStream>> {
    match listener.accept() {
        Ok((stream, _)) => Ok(Some(stream)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
