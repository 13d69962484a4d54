//! Los conjuntos de select. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use nix::sys::select::{FD_SETSIZE, FdSet, select};

use super::given::{Client, Ready, Watched};

impl Client {
    /// Un cliente recién llegado, si su descriptor cabe en un conjunto.
    pub fn new(stream: TcpStream) -> Option<Client> {
        // <tu código>
        // El mapa tiene un bit para cada descriptor de 0 a 1023. En C, anotar el 1024 es escribir
        // fuera del mapa; en `nix`, un pánico (select(2)).
        let fits = usize::try_from(stream.as_raw_fd()).is_ok_and(|fd| fd < FD_SETSIZE);
        fits.then(|| Client { stream, output: Vec::new(), ended: false })
        // </tu código>
    }
}

/// Llena los conjuntos de una vuelta.
pub fn watch<'a>(listener: &'a TcpListener, clients: &'a [Client]) -> Watched<'a> {
    // <tu código>
    let mut reading = FdSet::new();
    let mut writing = FdSet::new();
    reading.insert(listener.as_fd());
    for client in clients {
        // Quien terminó está listo para siempre, y no hay nada nuevo que leerle.
        if !client.ended {
            reading.insert(client.stream.as_fd());
        }
        // Casi siempre se puede escribir a alguien: solo importa si hay qué escribirle.
        if !client.output.is_empty() {
            writing.insert(client.stream.as_fd());
        }
    }
    Watched { reading, writing }
    // </tu código>
}

/// Duerme hasta que alguien esté listo, y dice quién.
pub fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    // <tu código>
    // Conjuntos nuevos en cada vuelta: `select` deja en ellos solo a los que están listos.
    let Watched { mut reading, mut writing } = watch(listener, clients);
    select(None, &mut reading, &mut writing, None, None)?;
    let among = |set: &FdSet<'_>| {
        let places = clients.iter().enumerate();
        let ready = places.filter(|(_, client)| set.contains(client.stream.as_fd()));
        ready.map(|(place, _)| place).collect()
    };
    Ok(Ready {
        listener: reading.contains(listener.as_fd()),
        readable: among(&reading),
        writable: among(&writing),
    })
    // </tu código>
}
