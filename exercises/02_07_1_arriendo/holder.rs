//! Un programa con un arriendo. El intermediario es quien se conecte, y contesta a mano.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::broker::{Answer, Step};
use super::ejercicio::Lease;

/// Pide un arriendo de esa duración a quien esté al otro lado, y lo conserva mientras pueda. Cuenta con
/// `say` lo que le pasa. Termina cuando el otro cierra.
pub fn hold(
    broker: &TcpStream,
    length: Duration,
    mut say: impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let mut lease = Lease::new(length);
    let mut lines = BufReader::new(broker);
    let (mut line, mut asked) = (String::new(), 0);
    loop {
        match lease.step(Instant::now()) {
            Step::Lost => say("se perdió: lo que hacía con él, lo dejo")?,
            Step::Ask(number) => {
                asked = number;
                writeln!(&*broker, "pregunta {number}: ¿es mío?")?;
            }
            Step::Sleep(most) => {
                // Cero sería «sin límite».
                broker.set_read_timeout(Some(most.max(Duration::from_millis(1))))?;
                match lines.read_line(&mut line) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {
                        hear(&mut lease, asked, &line, &mut say)?;
                        line.clear();
                    }
                    Err(error) if is_pause(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
    }
}

/// Una línea con un número concede con esa ficha; otra cualquiera, niega.
fn hear(
    lease: &mut Lease,
    asked: u64,
    line: &str,
    say: &mut impl FnMut(&str) -> io::Result<()>,
) -> io::Result<()> {
    let answer = line.trim().parse().map_or(Answer::Denied, |token| Answer::Granted { token });
    let now = Instant::now();
    lease.on_answer(asked, answer, now);
    match lease.token(now) {
        Some(token) => say(&format!("es mío, con la ficha {token}")),
        None => say("no es mío"),
    }
}

/// Pasó el plazo, o el proceso estuvo detenido.
fn is_pause(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
