//! Lo que comparten los motores: el módulo `selectors` de Python, en pequeño.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::Duration;

use super::kernel::Work;

/// Un socket. Como en Python, el motor guarda el suyo mientras lo vigila: por eso se comparte.
pub type Socket = Rc<dyn AsFd>;

/// Qué se espera de un socket: EVENT_READ, EVENT_WRITE o las dos cosas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Que haya algo que leer: bytes, el final o, en uno que escucha, un cliente.
    Read,
    /// Que haya sitio para escribir.
    Write,
    /// Las dos cosas.
    Both,
}

impl Interest {
    /// Si se espera que haya algo que leer.
    pub fn reads(self) -> bool {
        self != Interest::Write
    }

    /// Si se espera que haya sitio para escribir.
    pub fn writes(self) -> bool {
        self != Interest::Read
    }
}

/// Lo que le pasa a un socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// El número con el que se registró.
    pub id: u64,
    /// Se esperaba algo que leer, y lo hay.
    pub readable: bool,
    /// Se esperaba sitio para escribir, y lo hay.
    pub writable: bool,
}

/// Un socket que se vigila.
pub struct Watched {
    /// El socket, que se suelta al quitarlo de aquí.
    pub socket: Socket,
    /// Lo que se espera de él.
    pub interest: Interest,
}

/// A quién se vigila, por su número: lo que los dos motores necesitan recordar.
#[derive(Default)]
pub struct Registry(pub BTreeMap<u64, Watched>);

impl Registry {
    /// Comprueba que nadie tiene ya ese número ni ese socket.
    ///
    /// # Errors
    /// `AlreadyExists` si alguien tiene uno de los dos.
    pub fn is_new(&self, id: u64, socket: &Socket) -> io::Result<()> {
        let fd = descriptor(socket);
        let taken = self.0.iter().any(|(other, it)| *other == id || descriptor(&it.socket) == fd);
        if taken { Err(ErrorKind::AlreadyExists.into()) } else { Ok(()) }
    }

    /// El que tiene ese número.
    ///
    /// # Errors
    /// `NotFound` si no lo tiene nadie.
    pub fn find(&mut self, id: u64) -> io::Result<&mut Watched> {
        self.0.get_mut(&id).ok_or_else(|| ErrorKind::NotFound.into())
    }
}

/// El número del descriptor de un socket.
pub fn descriptor(socket: &Socket) -> i32 {
    socket.as_fd().as_raw_fd()
}

/// Quien vigila muchos sockets a la vez.
pub trait Selector {
    /// Empieza a vigilar `socket`. En sus eventos volverá `id`.
    ///
    /// # Errors
    /// `AlreadyExists` si ya se vigila ese socket o alguien con ese número; otro, si este motor no
    /// puede vigilarlo. Todo queda como estaba.
    fn register(&mut self, id: u64, socket: Socket, interest: Interest) -> io::Result<()>;

    /// Cambia lo que se espera de `id`.
    ///
    /// # Errors
    /// `NotFound` si no se le vigila.
    fn modify(&mut self, id: u64, interest: Interest) -> io::Result<()>;

    /// Deja de vigilar a `id`, y suelta su socket.
    ///
    /// # Errors
    /// `NotFound` si no se le vigila.
    fn unregister(&mut self, id: u64) -> io::Result<()>;

    /// Duerme hasta que a alguien le pase lo que se espera de él, o hasta que pase `limit`, si lo
    /// hay. Dice a quién; a nadie, si se acabó el tiempo.
    ///
    /// # Errors
    /// Los del núcleo.
    fn select(&mut self, limit: Option<Duration>) -> io::Result<Vec<Event>>;

    /// Lo que ha trabajado el núcleo para este motor.
    fn work(&self) -> Work;
}

/// Los tres que se comparan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Un hilo por conexión.
    Threads,
    /// select(2).
    Select,
    /// epoll(7).
    Epoll,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Engine::Threads => "hilos",
            Engine::Select => "select",
            Engine::Epoll => "epoll",
        })
    }
}

/// Lo que crees que va a pasar, antes de medirlo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predictions {
    /// En cuál trabaja más el núcleo, en cada despertar, si hay más conexiones **calladas**.
    pub grows: Engine,
    /// Cuál se niega a vigilar más allá del descriptor 1023.
    pub stops: Engine,
    /// Llamadas al sistema que hace `select` para registrar 100 conexiones.
    pub calls_to_register_with_select: usize,
    /// Llamadas al sistema que hace `epoll` para registrar 100 conexiones.
    pub calls_to_register_with_epoll: usize,
    /// Hay 100 conexiones y habla una: descriptores que examina el núcleo para `select`.
    pub select_examines: usize,
    /// Hay 100 conexiones y habla una: descriptores que examina el núcleo para `epoll`.
    pub epoll_examines: usize,
    /// Hay 100 conexiones y hablan **todas**: los que examina para `epoll` hasta oírlas a todas.
    pub epoll_examines_if_all_talk: usize,
}
