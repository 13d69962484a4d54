//! Despedirse sin dejar nada. El enunciado está en enunciado.md, en esta misma carpeta.
//!
//! Lo que se te da hecho está al lado: `client.rs`, con un cliente y lo que se hace con él;
//! `farewell.rs`, con los motivos y las despedidas, y `server.rs`, con el bucle.

use std::collections::HashMap;
use std::io;
use std::net::TcpStream;

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use super::client::{Client, LISTENING};
use super::farewell::{Farewell, Reason};

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
