//! Lo que se da hecho: quién es cada uno, y lo que oyen los demás.

use std::net::IpAddr;

use multiplexacion::chat;

/// La sala en la que se entra.
pub const LOBBY: &str = "principal";

/// Alguien que ya dijo su nombre.
#[derive(Clone, Debug)]
pub struct Member {
    /// Cómo se llama.
    pub name: String,
    /// Desde dónde llama.
    pub address: IpAddr,
    /// En qué sala está.
    pub room: String,
}

/// El aviso de que alguien llega a una sala, en la que con él ya son `count`.
pub fn joined(count: usize, member: &Member) -> String {
    chat::joined(count, &member.name, member.address)
}

/// El aviso de que alguien deja una sala.
pub fn left(member: &Member) -> String {
    chat::left(&member.name, member.address)
}

/// Lo que oyen los demás, sin caracteres de control; o por qué no se les puede decir.
pub fn said(member: &Member, text: &str) -> Result<String, &'static str> {
    chat::said(&member.name, member.address, text).map_err(|_| "con tu nombre delante no cabe")
}
