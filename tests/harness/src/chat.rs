//! El contrato del chat (lección 02_03), en piezas: para las etapas y para cualquier prueba.
//!
//! ```no_run
//! # use harness::{Conversation, Failure, chat};
//! # fn main() -> Result<(), Failure> {
//! # let address = "127.0.0.1:8800".parse().unwrap();
//! let conversation = Conversation::in_frames(address);
//! let mut ana = chat::join(&conversation, "ana")?;
//! let mut beto = chat::join(&conversation, "beto")?;
//! ana.expect_frame(chat::joined(2, &beto))?;
//! beto.send_frame("hola")?;
//! ana.expect_frame(chat::said(&beto, "hola"))?;
//! # Ok(())
//! # }
//! ```

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::peer::Peer;

/// Entra en el chat con ese nombre, que es también el suyo en los informes.
pub fn join(chat: &Conversation, name: &str) -> Result<Peer, Failure> {
    let mut peer = chat.peer(name)?;
    peer.send_frame(format!("NAME: {name}"))?;
    expect_welcome(&mut peer)?;
    Ok(peer)
}

/// Espera `CLIENT: ` y la IP desde la que se conectó.
pub fn expect_welcome(peer: &mut Peer) -> Result<(), Failure> {
    let welcome = format!("CLIENT: {}", peer.local_ip());
    peer.expect_frame(welcome)
}

/// El aviso de que alguien llega, con cuántos son ya.
pub fn joined(count: usize, peer: &Peer) -> String {
    format!("(Conectado: nuevo cliente ({count}) desde {})", who(peer))
}

/// Lo que ven los demás cuando alguien dice `text`.
pub fn said(peer: &Peer, text: &str) -> String {
    format!("#[{}]>> {text}", who(peer))
}

/// El aviso de que alguien se va.
pub fn left(peer: &Peer) -> String {
    format!("(Desconectado: cliente {})", who(peer))
}

/// `ana@127.0.0.1`.
pub fn who(peer: &Peer) -> String {
    format!("{}@{}", peer.name(), peer.local_ip())
}

/// Espera `ERROR: …` y el cierre, en orden: un reinicio podría llevarse el `ERROR` antes de llegar.
pub fn expect_refusal(peer: &mut Peer) -> Result<(), Failure> {
    let answer = peer.next_frame()?;
    expect_error(peer, &answer)?;
    peer.expect_end()
}

/// Espera el cierre, con un `ERROR: …` antes o sin él.
pub(crate) fn expect_dismissal(peer: &mut Peer) -> Result<(), Failure> {
    match peer.next_frame_or_end()? {
        Some(answer) => {
            expect_error(peer, &answer)?;
            peer.expect_end()
        }
        None => Ok(()),
    }
}

/// Comprueba que esa contestación sea `ERROR: ` y una razón.
pub(crate) fn expect_error(peer: &mut Peer, answer: &str) -> Result<(), Failure> {
    match answer.strip_prefix("ERROR: ") {
        Some(why) if !why.trim().is_empty() => Ok(()),
        _ => {
            let headline = format!("«{}» esperaba un «ERROR: » con su razón.", peer.name());
            Err(peer.mismatch(headline, "ERROR: ", answer))
        }
    }
}
