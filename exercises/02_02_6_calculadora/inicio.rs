//! Una calculadora por líneas. El enunciado está en enunciado.md, en esta carpeta.

use std::io;
use std::net::TcpListener;
use std::thread::JoinHandle;

use multiplexacion::socketserver::{Control, Request, RequestHandler, TcpServer, ThreadingMixIn};

/// No es `NÚMERO OPERADOR NÚMERO`.
pub const NOT_UNDERSTOOD: &str = "no entiendo eso";
/// Dividir entre cero.
pub const DIVISION_BY_ZERO: &str = "no se puede dividir entre cero";
/// No cabe en un `i64`.
pub const OVERFLOW: &str = "el resultado no cabe en 64 bits";
/// La línea pasa de [`MAX_LINE`].
pub const TOO_LONG: &str = "la línea es demasiado larga";

/// Bytes de una línea, como mucho, sin contar su final.
pub const MAX_LINE: usize = 1024;

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
