//! Despedirse sin dejar nada. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `farewell.rs`, con los motivos y las despedidas, y
//! `server.rs`, con lo que se hace con un cliente y el bucle.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::TcpStream;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::farewell::{Farewell, Reason};
use super::server::{Heard, LISTENING};

/// Todos los clientes.
#[derive(Debug)]
pub struct Room {
    /// Quien los vigila, por nivel.
    pub epoll: Epoll,
    /// Los que están, por su número en epoll.
    pub clients: HashMap<u64, Client>,
    /// Cuántos han llegado.
    pub arrived: u64,
}

/// Un cliente. Cuando cierra su lado, se le responde con todo lo que dijo.
#[derive(Debug)]
pub struct Client {
    /// Su socket, no bloqueante.
    pub stream: TcpStream,
    /// Lo que ha dicho.
    pub heard: Vec<u8>,
    /// Lo que falta por responderle.
    pub out: VecDeque<u8>,
    /// Cerró su lado: no dirá nada más, y aún puede recibir.
    pub ended: bool,
    /// Por qué hay que despedirlo, si hay que despedirlo ya.
    pub closing: Option<Reason>,
}

impl Client {
    /// Qué se espera de él ahora.
    pub fn interest(&self) -> EpollFlags {
        todo!("Escribe esto en exercises/02_04_6_despedida/ejercicio.rs")
    }
}

impl Room {
    /// Entra un cliente. Devuelve su número, que no fue ni será de nadie más.
    pub fn enter(&mut self, stream: TcpStream) -> io::Result<u64> {
        todo!("Escribe esto en exercises/02_04_6_despedida/ejercicio.rs")
    }

    /// Lo que dice epoll de un cliente. No cierra nada.
    pub fn on_client(&mut self, id: u64, flags: EpollFlags) {
        todo!("Escribe esto en exercises/02_04_6_despedida/ejercicio.rs")
    }

    /// Despide a quien tiene un motivo, y a quien terminó y ya lo recibió todo. El único lugar
    /// que cierra.
    pub fn reap(&mut self) -> Vec<Farewell> {
        todo!("Escribe esto en exercises/02_04_6_despedida/ejercicio.rs")
    }
}
