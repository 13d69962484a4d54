//! Lo que se pide y lo que se recibe de un `Poller`.

/// Qué se espera de un socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Nada, por ahora.
    Nothing,
    /// Que haya algo que leer: bytes, el final o, en uno que escucha, un cliente.
    Read,
    /// Que haya sitio para escribir.
    Write,
    /// Las dos cosas.
    Both,
}

/// Lo que le pasa a un socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// El número con el que se añadió.
    pub id: u64,
    /// EPOLLIN: hay algo que leer.
    pub readable: bool,
    /// EPOLLOUT: hay sitio para escribir.
    pub writable: bool,
    /// EPOLLERR o EPOLLHUP: la conexión ya no sirve. Llega aunque no se pida.
    pub broken: bool,
}
