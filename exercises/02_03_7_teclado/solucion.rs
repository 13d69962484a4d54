//! Teclado y socket a la vez. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd;

use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, Overflow};
use multiplexacion::frame;
use nix::sys::select::{FdSet, select};

use super::given::{End, LIMITS};

// <solo en la solución>
/// Por dónde va la conversación.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Se lee del teclado.
    Typing,
    /// El teclado se acabó; falta que salga lo último.
    Ending,
    /// Nuestro lado está cerrado; se muestra lo que aún venga.
    HalfClosed,
}
// </solo en la solución>

/// Conversa con el servidor que está al otro lado de `socket`: le envía cada línea de `keyboard`, y
/// escribe en `screen` cada mensaje suyo. Vuelve cuando el servidor cierra.
///
/// `keyboard` es un descriptor cualquiera: una terminal, una tubería, un archivo.
pub fn chat<K: Read + AsFd, S: Write>(
    keyboard: K,
    socket: TcpStream,
    screen: S,
) -> io::Result<End> {
    // <solo al principio> Empieza por envolver el socket, que ha de ser no bloqueante:
    // <solo al principio> Connection::new(socket, ClientId(0), &LIMITS).
    // <tu código>
    let (mut keyboard, mut screen) = (keyboard, screen);
    socket.set_nonblocking(true)?;
    let mut conn = Connection::new(socket, ClientId(0), &LIMITS);
    let mut stage = Stage::Typing;
    // Lo tecleado que aún no es una línea entera.
    let mut partial = Vec::new();
    loop {
        conn.flush()?;
        if stage == Stage::Ending && !conn.wants_write() {
            // Solo nuestro lado: el servidor sabe que no diremos más, y aún puede contestar.
            conn.stream().shutdown(Shutdown::Write)?;
            stage = Stage::HalfClosed;
        }
        let ready = wait(&keyboard, &conn, stage)?;
        if ready.writable {
            conn.on_writable()?;
        }
        if ready.readable && show(&mut conn, &mut screen)? {
            return Ok(if stage == Stage::HalfClosed { End::Ours } else { End::Theirs });
        }
        if ready.keyboard {
            // Una lectura, y sin búfer intermedio: todo lo leído está a la vista, en `partial`, y
            // no donde `select` no pueda saber de ello.
            let mut buffer = [0; 4096];
            let count = keyboard.read(&mut buffer)?;
            partial.extend_from_slice(&buffer[..count]);
            send_lines(&mut partial, &mut conn)?;
            if count == 0 {
                // Un teclado que se acabó está «listo» para siempre: se deja de vigilar.
                stage = Stage::Ending;
                send(&partial, &mut conn)?;
            }
        }
    }
    // </tu código>
}

// <solo en la solución>
/// Lo que `select` encontró listo.
struct Ready {
    keyboard: bool,
    readable: bool,
    writable: bool,
}

/// El único punto en el que el programa espera.
fn wait(keyboard: &impl AsFd, conn: &Connection<TcpStream>, stage: Stage) -> io::Result<Ready> {
    let (mut reading, mut writing) = (FdSet::new(), FdSet::new());
    let socket = conn.stream().as_fd();
    reading.insert(socket);
    if conn.wants_write() {
        writing.insert(socket);
    } else if stage == Stage::Typing {
        // Con la cola sin vaciar no se lee del teclado: un archivo enorme sale al ritmo de la red.
        reading.insert(keyboard.as_fd());
    }
    select(None, &mut reading, &mut writing, None, None)?;
    Ok(Ready {
        keyboard: reading.contains(keyboard.as_fd()),
        readable: reading.contains(socket),
        writable: writing.contains(socket),
    })
}

/// Lee una vez del servidor y muestra los mensajes enteros. Devuelve si el servidor cerró.
fn show(conn: &mut Connection<TcpStream>, screen: &mut impl Write) -> io::Result<bool> {
    let end = conn.fill(&mut [0; 16 * 1024])? == Fill::End;
    while let Some((text, used)) = frame::decode(conn.input()).map_err(not_a_frame)? {
        writeln!(screen, "{text}")?;
        conn.consume(used);
    }
    Ok(end)
}

/// Saca de `partial` las líneas enteras, y las envía.
fn send_lines(partial: &mut Vec<u8>, conn: &mut Connection<TcpStream>) -> io::Result<()> {
    while let Some(end) = partial.iter().position(|&byte| byte == b'\n') {
        send(&partial[..end], conn)?;
        partial.drain(..=end);
    }
    Ok(())
}

/// Pone una línea en la cola, en un marco.
fn send(line: &[u8], conn: &mut Connection<TcpStream>) -> io::Result<()> {
    if line.is_empty() {
        return Ok(());
    }
    // La línea entera, y no cada trozo: una letra puede venir partida entre dos lecturas.
    let frame = frame::encode(&String::from_utf8_lossy(line)).map_err(not_a_frame)?;
    // Cabe: el teclado solo se lee con la cola vacía.
    conn.queue(&frame).map_err(|Overflow| io::Error::other("la cola está llena"))
}

fn not_a_frame(error: frame::FrameError) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
// </solo en la solución>
