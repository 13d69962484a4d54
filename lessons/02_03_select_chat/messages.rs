//! Enviar y recibir: lo que usan el servidor y el cliente.

use multiplexacion::chat::CloseReason;
use multiplexacion::connection::{Connection, Fill, Limits, Overflow};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};

// ANCHOR: send
/// Envía un mensaje: lo pone en la cola, con su longitud delante.
///
/// No puede bloquear: quien escribe es el bucle, al final de la vuelta. Longitud y texto van
/// juntos para salir en una sola escritura: por separado, y sin TCP_NODELAY, el texto podría
/// esperar unos 40 ms a que el otro extremo confirmara la longitud.
pub(crate) fn send(conn: &mut Connection, text: &str) -> Result<(), CloseReason> {
    let frame = frame::encode(text).map_err(CloseReason::BadFrame)?;
    conn.queue(&frame).map_err(|Overflow| CloseReason::NotReading)
}
// ANCHOR_END: send

/// Lo que dio una llamada a [`receive`].
pub(crate) struct Received {
    /// Los mensajes que llegaron enteros, en orden. Puede no haber ninguno.
    pub(crate) messages: Vec<String>,
    /// Por qué no habrá más, si no habrá más.
    pub(crate) end: Option<CloseReason>,
}

// ANCHOR: receive
/// Recibe: lee una vez lo que haya y separa los mensajes completos.
///
/// Una lectura puede traer medio mensaje, o tres y medio. Lo que falte llegará en otra: por
/// eso lo recibido se acumula en la conexión, y aquí no se espera a nada.
pub(crate) fn receive(conn: &mut Connection, scratch: &mut [u8]) -> Received {
    let mut end = match conn.fill(scratch) {
        Ok(Fill::Bytes(_) | Fill::Empty) => None,
        Ok(Fill::End) if conn.input().is_empty() => Some(CloseReason::Left),
        Ok(Fill::End) => Some(CloseReason::CutShort),
        Err(error) => Some(CloseReason::Broken(error)),
    };
    let mut messages = Vec::new();
    loop {
        match frame::decode(conn.input()) {
            Ok(Some((text, used))) => {
                messages.push(text.to_owned());
                conn.consume(used);
            }
            Ok(None) => return Received { messages, end },
            Err(error) => {
                conn.consume(usize::MAX);
                end = Some(CloseReason::BadFrame(error));
            }
        }
    }
}
// ANCHOR_END: receive

/// Lo que guarda una conexión: un marco a medio llegar, y unos cuantos por salir.
pub(crate) static LIMITS: Limits =
    Limits { input: HEADER + MAX_TEXT, output: 2 * (HEADER + MAX_TEXT) };
