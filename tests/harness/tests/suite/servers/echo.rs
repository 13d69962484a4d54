//! El eco, bien y mal.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{serve, serve_on};

pub(crate) fn correct() -> SocketAddr {
    serve(echo)
}

pub(crate) fn correct_on(ip: IpAddr) -> io::Result<SocketAddr> {
    serve_on(ip, echo)
}

fn echo(mut stream: TcpStream) {
    // El final de un cliente, con orden o sin él, no es asunto de los demás.
    let _ = io::copy(&mut stream.try_clone().unwrap(), &mut stream);
}

/// T2-01: una lectura, y cierra.
pub(crate) fn answers_once() -> SocketAddr {
    serve(|mut stream| {
        let bytes = read_once(&mut stream);
        stream.write_all(&bytes).unwrap();
    })
}

pub(crate) fn drops_the_last_byte() -> SocketAddr {
    serve(|mut stream| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes.pop();
        stream.write_all(&bytes).unwrap();
    })
}

/// T2-03: devuelve cómo se escriben los bytes, no los bytes.
pub(crate) fn describes_the_bytes() -> SocketAddr {
    serve(|mut stream| {
        let bytes = read_once(&mut stream);
        write!(stream, "b'{}'", bytes.escape_ascii()).unwrap();
    })
}

pub(crate) fn never_answers() -> SocketAddr {
    serve(|stream| {
        std::thread::park();
        drop(stream);
    })
}

pub(crate) fn never_closes() -> SocketAddr {
    serve(|stream| {
        echo(stream.try_clone().unwrap());
        std::thread::park();
        drop(stream);
    })
}

/// Pierde el byte un millón.
pub(crate) fn loses_a_byte_in_the_middle() -> SocketAddr {
    const LOST: usize = 1_000_000;
    serve(|mut stream| {
        let mut read = 0;
        loop {
            let mut bytes = read_once(&mut stream);
            if bytes.is_empty() {
                return;
            }
            let before = read;
            read += bytes.len();
            if (before..read).contains(&LOST) {
                bytes.remove(LOST - before);
            }
            if stream.write_all(&bytes).is_err() {
                return;
            }
        }
    })
}

/// T2-02: cierra con bytes sin leer, y el núcleo reinicia la conexión.
pub(crate) fn closes_with_unread_bytes() -> SocketAddr {
    serve(|mut stream| {
        let mut chunk = [0; 1024];
        stream.read_exact(&mut chunk).unwrap();
        stream.write_all(&chunk).unwrap();
    })
}

/// Devuelve línea a línea, y lo que no acaba en `\n` no lo devuelve.
pub(crate) fn only_whole_lines() -> SocketAddr {
    serve(|mut stream| {
        let mut line = Vec::new();
        loop {
            let bytes = read_once(&mut stream);
            if bytes.is_empty() {
                return;
            }
            for byte in bytes {
                line.push(byte);
                if byte == b'\n' && stream.write_all(&std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        }
    })
}

/// Lo que no es UTF-8 vuelve como U+FFFD.
pub(crate) fn as_text() -> SocketAddr {
    serve(|mut stream| {
        loop {
            let bytes = read_once(&mut stream);
            let text = String::from_utf8_lossy(&bytes);
            if bytes.is_empty() || stream.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
    })
}

/// A quien se va sin decir nada no le cierra.
pub(crate) fn forgets_the_silent() -> SocketAddr {
    serve(|mut stream| {
        let bytes = read_once(&mut stream);
        if bytes.is_empty() {
            thread::park();
        }
        stream.write_all(&bytes).unwrap();
        echo(stream);
    })
}

/// Lee en un hilo y escribe en otro; con el final, lo que es mucho se tira.
pub(crate) fn drops_what_is_pending() -> SocketAddr {
    const MUCH: usize = 64 * 1024;
    serve(|mut stream| {
        let queued = Arc::new(AtomicUsize::new(0));
        let (queue, pending) = channel();
        let (writing, written) = (stream.try_clone().unwrap(), Arc::clone(&queued));
        let writer = thread::spawn(move || write_all_of(&pending, writing, &written));
        loop {
            let bytes = read_once(&mut stream);
            if bytes.is_empty() {
                break;
            }
            queued.fetch_add(bytes.len(), Ordering::SeqCst);
            let _ = queue.send(bytes);
        }
        if queued.load(Ordering::SeqCst) > MUCH {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(queue);
        let _ = writer.join();
    })
}

fn write_all_of(pending: &Receiver<Vec<u8>>, mut stream: TcpStream, written: &AtomicUsize) {
    for bytes in pending {
        if stream.write_all(&bytes).is_err() {
            return;
        }
        written.fetch_sub(bytes.len(), Ordering::SeqCst);
    }
}

/// Uno detrás de otro.
pub(crate) fn one_at_a_time() -> SocketAddr {
    let turn = Arc::new(Mutex::new(()));
    serve(move |stream| {
        let _turn = turn.lock();
        echo(stream);
    })
}

/// Tras un reinicio no atiende a nadie más.
pub(crate) fn dies_of_a_reset() -> SocketAddr {
    let dead = Arc::new(AtomicBool::new(false));
    serve(move |mut stream| {
        let mut chunk = [0; 4096];
        loop {
            let read = stream.read(&mut chunk);
            if read.is_err() {
                dead.store(true, Ordering::SeqCst);
            }
            let count = read.unwrap_or(0);
            let over = count == 0 || dead.load(Ordering::SeqCst);
            if over || stream.write_all(&chunk[..count]).is_err() {
                return;
            }
        }
    })
}

/// A quien hace más de tantos le cierra la puerta.
pub(crate) fn for_at_most(most: usize) -> SocketAddr {
    let inside = Arc::new(AtomicUsize::new(0));
    serve(move |stream| {
        if inside.fetch_add(1, Ordering::SeqCst) < most {
            echo(stream);
        }
        inside.fetch_sub(1, Ordering::SeqCst);
    })
}

fn read_once(stream: &mut TcpStream) -> Vec<u8> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk).unwrap_or(0);
    chunk[..count].to_vec()
}
