//! Un bucle para todos. El enunciado está en enunciado.md, en esta misma carpeta.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::AsFd;

use nix::sys::select::{FdSet, select};

use super::client::Client;

/// Atiende a todos en este hilo: devuelve a cada cliente cada mensaje que envía.
///
/// Solo vuelve si falla `accept` o `select`.
pub fn serve(listener: &TcpListener) -> io::Result<()> {
    todo!("Escribe esto en exercises/02_03_4_bucle/ejercicio.rs")
}
