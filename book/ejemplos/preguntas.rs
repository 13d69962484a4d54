//! Los listados de las preguntas «¿Qué sale?»: cada uno es una función, y se ejecuta con su nombre.
//!
//! Una prueba compara lo que sale con la opción que el libro da por buena.
#![allow(clippy::print_stdout, reason = "lo que sale es lo que se pregunta")]
#![allow(
    clippy::unnecessary_wraps,
    reason = "todas se ejecutan igual, también la que no puede fallar"
)]

use std::env;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use ejemplos::{connected, start, wait_for_bytes};
use multiplexacion::frame;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

fn main() -> ExitCode {
    match env::args().nth(1).as_deref() {
        Some("by_level") => start(by_level),
        Some("characters_and_bytes") => start(characters_and_bytes),
        Some("frames_in_two_reads") => start(frames_in_two_reads),
        Some("leftovers") => start(leftovers),
        Some("six_bytes") => start(six_bytes),
        Some("text_as_stream") => start(text_as_stream),
        _ => start(|| Err(io::ErrorKind::NotFound.into())),
    }
}

// ANCHOR: leftovers
fn leftovers() -> io::Result<()> {
    let mut client: &[u8] = b"hola"; // Unos bytes se leen como un socket.
    let mut buffer = [0; 3];
    while let 1.. = client.read(&mut buffer)? {
        print!("{} ", String::from_utf8_lossy(&buffer));
    }
    Ok(())
}
// ANCHOR_END: leftovers

// ANCHOR: six_bytes
fn six_bytes() -> io::Result<()> {
    let (mut ana, mut beto) = connected()?;
    ana.write_all(b"hola ")?;
    ana.write_all(b"Beto")?;
    wait_for_bytes(&beto, 9)?; // Los nueve han llegado.
    let mut buffer = [0; 6];
    let first = beto.read(&mut buffer)?;
    let second = beto.read(&mut buffer)?;
    println!("{first} {second}");
    Ok(())
}
// ANCHOR_END: six_bytes

// ANCHOR: text_as_stream
fn text_as_stream() -> io::Result<()> {
    let mut text = "hola".as_bytes(); // Del texto también se puede leer.
    let mut buffer = [0; 3];
    while let count @ 1.. = text.read(&mut buffer)? {
        println!("{count}");
    }
    println!("{}", text.read(&mut buffer)?);
    Ok(())
}
// ANCHOR_END: text_as_stream

// ANCHOR: frames_in_two_reads
fn frames_in_two_reads() -> io::Result<()> {
    let reads = [b"\0\0\0\x04ho".as_slice(), b"la\0\0\0\x02si\0\0\0"];
    let mut input = Vec::new();
    for read in reads {
        input.extend_from_slice(read);
        while let Some((text, used)) = frame::decode(&input).map_err(io::Error::other)? {
            print!("{text} ");
            input.drain(..used);
        }
    }
    println!("{}", input.len());
    Ok(())
}
// ANCHOR_END: frames_in_two_reads

// ANCHOR: by_level
fn by_level() -> io::Result<()> {
    let (mut ana, mut server) = connected()?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&server, EpollEvent::new(EpollFlags::EPOLLIN, 1))?;
    ana.write_all(b"hola, Beto")?;
    wait_for_bytes(&server, 10)?; // Los diez han llegado.
    let mut events = [EpollEvent::empty(); 8];
    // ZERO: sin esperar. Cuántos están listos ahora.
    while epoll.wait(&mut events, EpollTimeout::ZERO)? > 0 {
        println!("{}", server.read(&mut [0; 4])?);
    }
    Ok(())
}
// ANCHOR_END: by_level

// ANCHOR: characters_and_bytes
fn characters_and_bytes() -> io::Result<()> {
    let line = "¡Adiós!\n";
    println!("{} {}", line.chars().count(), line.len());
    Ok(())
}
// ANCHOR_END: characters_and_bytes
