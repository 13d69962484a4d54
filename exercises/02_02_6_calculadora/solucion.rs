//! Una calculadora por líneas. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;

use multiplexacion::socketserver::{Control, Request, RequestHandler, TcpServer, ThreadingMixIn};

use super::given::{DIVISION_BY_ZERO, MAX_LINE, NOT_UNDERSTOOD, OVERFLOW, TOO_LONG};

// <solo en la solución>
use std::io::{BufRead, BufReader, Read};
use std::thread;
// </solo en la solución>

/// El resultado de una línea, o por qué no lo tiene.
pub fn evaluate(line: &str) -> Result<i64, &'static str> {
    // <tu código>
    let words: Vec<&str> = line.split_whitespace().collect();
    let [left, operator, right] = words[..] else { return Err(NOT_UNDERSTOOD) };
    let number = |text: &str| text.parse::<i64>().map_err(|_| NOT_UNDERSTOOD);
    let (left, right) = (number(left)?, number(right)?);
    let result = match operator {
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" if right == 0 => return Err(DIVISION_BY_ZERO),
        // Hay una división que no cabe: la del número más pequeño entre -1.
        "/" => left.checked_div(right),
        _ => return Err(NOT_UNDERSTOOD),
    };
    result.ok_or(OVERFLOW)
    // </tu código>
}

/// Atiende a un cliente.
pub struct Calculator;

impl RequestHandler for Calculator {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        // <tu código>
        let mut reader = BufReader::new(request);
        while let Some(line) = read_line(&mut reader)? {
            let answer = match line {
                Line::TooLong => return request.send_all(&refusal(TOO_LONG)),
                // Lo que no es UTF-8 no puede ser un número.
                Line::Whole(bytes) => match str::from_utf8(&bytes).map_or("", str::trim) {
                    "salir" => return request.send_all("Adiós.\n".as_bytes()),
                    text => evaluate(text)
                        .map_or_else(refusal, |result| format!("{result}\n").into_bytes()),
                },
            };
            request.send_all(&answer)?;
        }
        Ok(())
        // </tu código>
    }
    // <solo en la solución>
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

/// La línea siguiente, con su final; nada, si ya no hay más.
fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    // Dos bytes de más, para `\r\n`: con una línea sin final no se guarda nada más que eso.
    reader.take(MAX_LINE as u64 + 2).read_until(b'\n', &mut line)?;
    let length = line
        .strip_suffix(b"\n")
        .map_or(line.len(), |line| line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len));
    Ok(match length {
        _ if line.is_empty() => None,
        0..=MAX_LINE => Some(Line::Whole(line)),
        _ => Some(Line::TooLong),
    })
}

fn refusal(why: &str) -> Vec<u8> {
    format!("ERROR: {why}\n").into_bytes()
    // </solo en la solución>
}

/// Pone a servir la calculadora en otro hilo. Devuelve su mando y ese hilo.
pub fn start(listener: TcpListener) -> io::Result<(Control, JoinHandle<io::Result<()>>)> {
    // <tu código>
    let mut server =
        TcpServer::from_listener(listener, || Calculator)?.threading(ThreadingMixIn::default());
    // El mando se pide antes: después, el servidor es del otro hilo.
    let control = server.control();
    let thread =
        thread::Builder::new().name("servidor".to_owned()).spawn(move || server.serve_forever())?;
    Ok((control, thread))
    // </tu código>
}
