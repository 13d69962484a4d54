//! Una calculadora por líneas. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;

use multiplexacion::socketserver::{Control, Request, RequestHandler, TcpServer, ThreadingMixIn};

use super::given::{DIVISION_BY_ZERO, MAX_LINE, NOT_UNDERSTOOD, OVERFLOW, TOO_LONG};

/// El resultado de una línea, o por qué no lo tiene.
pub fn evaluate(line: &str) -> Result<i64, &'static str> {
    todo!("Escribe esto en exercises/02_02_6_calculadora/ejercicio.rs")
}

/// Atiende a un cliente.
pub struct Calculator;

impl RequestHandler for Calculator {
    fn handle(&mut self, request: &Request) -> io::Result<()> {
        todo!("Escribe esto en exercises/02_02_6_calculadora/ejercicio.rs")
    }
}

/// Pone a servir la calculadora en otro hilo. Devuelve su mando y ese hilo.
pub fn start(listener: TcpListener) -> io::Result<(Control, JoinHandle<io::Result<()>>)> {
    todo!("Escribe esto en exercises/02_02_6_calculadora/ejercicio.rs")
}
