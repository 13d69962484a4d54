//! La página en vivo, vista como la ve un navegador.

use std::io::{Read, Write};
use std::net::TcpStream;

use harness::{Failure, Running, Stream};
use serde_json::Value;

use crate::LIMIT;

/// Dónde está la página de un `cargo ver` en marcha.
pub(crate) fn address(running: &Running) -> Result<String, Failure> {
    let line = running.wait_for_line(Stream::Stderr, "la ventana está en http://", LIMIT)?;
    let (_, rest) = line.split_once("http://").unwrap();
    Ok(rest.split('/').next().unwrap().to_owned())
}

/// Pide algo, con esos campos de más, y espera a que termine la respuesta.
pub(crate) fn get(address: &str, target: &str, fields: &str) -> Result<String, Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let host =
        if fields.contains("Host:") { String::new() } else { format!("Host: {address}\r\n") };
    write!(stream, "GET {target} HTTP/1.1\r\n{host}{fields}\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Un navegador que sigue la grabación: lee lo que llega hasta que haya un registro como ese.
pub(crate) struct Follower {
    stream: TcpStream,
    heard: String,
}

impl Follower {
    pub(crate) fn new(address: &str) -> Result<Follower, Failure> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(LIMIT))?;
        write!(stream, "GET /eventos HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
        Ok(Follower { stream, heard: String::new() })
    }

    /// Espera a que llegue ese texto.
    pub(crate) fn wait_for(&mut self, text: &str) -> Result<(), Failure> {
        let mut piece = [0; 4096];
        while !self.heard.contains(text) {
            let count = self.stream.read(&mut piece)?;
            if count == 0 {
                return Err(Failure::new(format!("No llegó «{text}»:\n{}", self.heard)));
            }
            self.heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        Ok(())
    }

    /// Los registros que han llegado.
    pub(crate) fn records(&self) -> Vec<Value> {
        records(&self.heard)
    }
}

/// Los registros de una respuesta de `/eventos`.
pub(crate) fn records(answer: &str) -> Vec<Value> {
    let lines = answer.lines().filter_map(|line| line.strip_prefix("data: "));
    let records = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    records.filter(|record| record["what"].is_string()).collect()
}
