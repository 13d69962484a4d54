//! Suma sin mirar si cabe.
//! Mensaje: «Con la línea «9223372036854775807 + 1». Tu código entró en pánico»

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use multiplexacion::socketserver::{Control, Request, RequestHandler, TcpServer, ThreadingMixIn};

pub const NOT_UNDERSTOOD: &str = "no entiendo eso";
pub const DIVISION_BY_ZERO: &str = "no se puede dividir entre cero";
pub const OVERFLOW: &str = "el resultado no cabe en 64 bits";
pub const TOO_LONG: &str = "la línea es demasiado larga";

pub const MAX_LINE: usize = 1024;

pub fn evaluate(line: &str) -> Result<i64, &'static str> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [left, operator, right] = words[..] else { return Err(NOT_UNDERSTOOD) };
    let number = |text: &str| text.parse::<i64>().map_err(|_| NOT_UNDERSTOOD);
    let (left, right) = (number(left)?, number(right)?);
    let result = match operator {
        "+" => Some(left + right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" if right == 0 => return Err(DIVISION_BY_ZERO),
        "/" => left.checked_div(right),
        _ => return Err(NOT_UNDERSTOOD),
    };
    result.ok_or(OVERFLOW)
}

pub struct Calculator;

impl RequestHandler for Calculator {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        let mut reader = BufReader::new(request);
        while let Some(line) = read_line(&mut reader)? {
            let answer = match line {
                Line::TooLong => return request.send_all(&refusal(TOO_LONG)),
                Line::Whole(bytes) => match str::from_utf8(&bytes).map_or("", str::trim) {
                    "salir" => return request.send_all("Adiós.\n".as_bytes()),
                    text => evaluate(text)
                        .map_or_else(refusal, |result| format!("{result}\n").into_bytes()),
                },
            };
            request.send_all(&answer)?;
        }
        Ok(())
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
}

fn read_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    reader.take(MAX_LINE as u64 + 2).read_until(b'\n', &mut line)?;
    let length = line.strip_suffix(b"\n").map_or(line.len(), |line| {
        line.strip_suffix(b"\r").map_or(line.len(), <[u8]>::len)
    });
    Ok(match length {
        _ if line.is_empty() => None,
        0..=MAX_LINE => Some(Line::Whole(line)),
        _ => Some(Line::TooLong),
    })
}

fn refusal(why: &str) -> Vec<u8> {
    format!("ERROR: {why}\n").into_bytes()
}

pub fn start(listener: TcpListener) -> io::Result<(Control, JoinHandle<io::Result<()>>)> {
    let mut server =
        TcpServer::from_listener(listener, || Calculator)?.threading(ThreadingMixIn::default());
    let control = server.control();
    let thread = thread::Builder::new()
        .name("servidor".to_owned())
        .spawn(move || server.serve_forever())?;
    Ok((control, thread))
}
