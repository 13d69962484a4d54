//! Lo que los dos chats tienen en común: qué se dice, y por qué se despide a alguien.
//!
//! Los textos son los de la lección 02_03, de su mismo archivo. Cómo se espera, se lee y se
//! escribe, que es lo que los distingue, está en cada programa.

#[expect(dead_code, reason = "los papeles de --name son de la lección; aquí solo hay servidor")]
#[path = "../../../lessons/02_03_select_chat/protocol.rs"]
mod protocol;

use std::fmt;
use std::io;
use std::net::IpAddr;

use multiplexacion::errors;
use multiplexacion::frame::{FrameError, MAX_TEXT};

/// Por qué termina una conversación.
#[derive(Debug)]
pub enum CloseReason {
    /// El otro extremo cerró entre dos mensajes: lo normal.
    Left,
    /// El otro extremo cerró a mitad de un mensaje.
    CutShort,
    /// El socket falló: un reinicio de la conexión, casi siempre.
    Broken(io::Error),
    /// Lo que llegó no es un mensaje, y por qué.
    BadFrame(String),
    /// Tiene 1 MiB esperando y no lo lee.
    NotReading,
    /// No dijo su nombre a tiempo.
    Silent,
    /// El nombre no vale, y por qué.
    Refused(&'static str),
    /// Se le despidió, y ni así cerró a tiempo su lado.
    Overstayed,
}

impl CloseReason {
    /// Lo que hay que decirle antes de cerrar. A quien se ha ido, o ya no está, nada.
    pub fn last_words(&self) -> Option<String> {
        match self {
            CloseReason::Left | CloseReason::CutShort | CloseReason::Broken(_) => None,
            _ => Some(format!("{}{self}", protocol::ERROR)),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Left => f.write_str("se fue"),
            CloseReason::CutShort => f.write_str("se fue a mitad de un mensaje"),
            CloseReason::Broken(error) => f.write_str(&errors::reason(error)),
            CloseReason::BadFrame(why) => f.write_str(why),
            CloseReason::NotReading => f.write_str("no lees tus mensajes y no caben más"),
            CloseReason::Silent => f.write_str("no dijiste tu nombre a tiempo"),
            CloseReason::Refused(why) => f.write_str(why),
            CloseReason::Overstayed => f.write_str("se le dejó de esperar"),
        }
    }
}

/// El nombre que dice el primer mensaje de un cliente, si vale y no lo lleva nadie más.
///
/// # Errors
/// [`CloseReason::Refused`], y por qué.
pub fn login<'a>(
    text: &str,
    mut others: impl Iterator<Item = &'a str>,
) -> Result<String, CloseReason> {
    let name = text
        .strip_prefix(protocol::NAME)
        .ok_or(CloseReason::Refused("el primer mensaje debe ser «NAME: » y tu nombre"))?;
    protocol::check_name(name).map_err(CloseReason::Refused)?;
    if others.any(|other| protocol::same_name(other, name)) {
        return Err(CloseReason::Refused("ese nombre ya está en uso"));
    }
    Ok(name.to_owned())
}

/// Lo que se responde a quien entra.
pub fn welcome(address: IpAddr) -> String {
    format!("{}{address}", protocol::CLIENT)
}

/// El aviso de que alguien entró; `count` es cuántos hay con él.
pub fn joined(count: usize, name: &str, address: IpAddr) -> String {
    protocol::joined(count, name, address)
}

/// El aviso de que alguien se fue.
pub fn left(name: &str, address: IpAddr) -> String {
    protocol::left(name, address)
}

/// Lo que los demás verán cuando alguien dice `text`.
///
/// # Errors
/// Con su nombre delante no cabe en un marco: lo que hay que responderle.
pub fn said(name: &str, address: IpAddr, text: &str) -> Result<String, String> {
    let message = protocol::said(name, address, text);
    if message.len() > MAX_TEXT {
        let why = FrameError::TooLong(message.len());
        return Err(format!("{}con tu nombre delante no cabe: {why}", protocol::ERROR));
    }
    Ok(message)
}
