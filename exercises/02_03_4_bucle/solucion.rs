//! Un bucle para todos. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;

use nix::sys::select::{FdSet, select};

use super::client::Client;

/// Atiende a todos en este hilo: devuelve a cada cliente cada mensaje que envía.
///
/// Solo vuelve si falla `accept` o `select`.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    // <tu código>
    // Quien llama puede arrepentirse antes de que lo recojamos, y `accept` dormiría (select(2)).
    listener.set_nonblocking(true)?;
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let ready = wait(listener, &clients)?;
        for (place, client) in clients.iter_mut().enumerate() {
            if ready.readable.contains(&place) {
                client.hear();
            }
            client.answer(ready.writable.contains(&place));
        }
        // Quien terminó se queda mientras le falte algo por recibir.
        clients.retain(|client| !client.broken && (!client.ended || client.wants_write()));
        // Lo último: hasta aquí, los lugares son los que vio `select`.
        if ready.listener {
            clients.extend(accept(listener)?);
        }
    }
    // </tu código>
}

// <solo en la solución>
/// Quién está listo: los clientes, por su lugar.
struct Ready {
    listener: bool,
    readable: Vec<usize>,
    writable: Vec<usize>,
}

/// El único punto en el que el programa espera.
fn wait(listener: &TcpListener, clients: &[Client]) -> io::Result<Ready> {
    let mut reading = FdSet::new();
    let mut writing = FdSet::new();
    reading.insert(listener.as_fd());
    for client in clients {
        if !client.ended {
            reading.insert(client.fd());
        }
        if client.wants_write() {
            writing.insert(client.fd());
        }
    }
    select(None, &mut reading, &mut writing, None, None)?;
    let among = |set: &FdSet<'_>| {
        let ready = clients.iter().enumerate().filter(|(_, client)| set.contains(client.fd()));
        ready.map(|(place, _)| place).collect()
    };
    Ok(Ready {
        listener: reading.contains(listener.as_fd()),
        readable: among(&reading),
        writable: among(&writing),
    })
}

/// Recoge a quien llama, si hay alguien. No se le lee nada: hablará cuando hable.
fn accept(listener: &TcpListener) -> io::Result<Option<Client>> {
    match listener.accept() {
        Ok((stream, _)) => {
            // El modo del que escucha no se hereda (accept(2)).
            stream.set_nonblocking(true)?;
            Ok(Client::new(stream))
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
// </solo en la solución>
