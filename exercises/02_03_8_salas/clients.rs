//! Lo que se da hecho: los conectados, y cómo se les habla.

use std::collections::BTreeMap;
use std::net::{IpAddr, TcpStream};
use std::time::Instant;

use multiplexacion::chat::ERROR;
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::{Connection, Fill, LINGER, Limits, Phase};
use multiplexacion::frame::{self, HEADER, MAX_TEXT};

use super::member::Member;

/// Lo que se guarda de cada cliente: medio marco, y hasta 256 KiB que aún no ha leído.
static LIMITS: Limits = Limits { input: HEADER + MAX_TEXT, output: 256 * 1024 };

/// Todos los conectados, por orden de llegada.
#[derive(Default)]
pub struct Chat {
    /// Los conectados, hayan dicho su nombre o no.
    pub clients: BTreeMap<ClientId, Client>,
}

/// Un conectado.
pub struct Client {
    /// Su conexión.
    pub conn: Connection<TcpStream>,
    /// Desde dónde llama.
    pub address: IpAddr,
    /// Quién es y en qué sala está; nada, mientras no haya dicho su nombre, o si ya se fue.
    pub member: Option<Member>,
    /// Por qué hay que quitarlo, si hay que quitarlo.
    pub closing: Option<Reason>,
    /// Hasta cuándo se espera a que un expulsado reciba lo que le queda.
    pub until: Option<Instant>,
}

/// Por qué se quita a un cliente.
pub enum Reason {
    /// Cerró su lado.
    Left,
    /// La conexión falló, o se acabó el tiempo para despedirse.
    Broken,
    /// No se le deja seguir, y se le dice por qué.
    Refused(&'static str),
}

impl Chat {
    /// Envía un mensaje a un cliente.
    pub fn tell(&mut self, id: ClientId, text: &str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.send(text);
        }
    }

    /// No deja entrar a un cliente: le dice por qué y lo echa.
    pub fn refuse(&mut self, id: ClientId, why: &'static str) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.closing = Some(Reason::Refused(why));
        }
    }
}

impl Client {
    /// Un cliente recién llegado, con su socket no bloqueante.
    pub fn new(stream: TcpStream, address: IpAddr, id: ClientId) -> Client {
        let conn = Connection::new(stream, id, &LIMITS);
        Client { conn, address, member: None, closing: None, until: None }
    }

    /// Si se le escucha y se le habla: a quien se echa, ya no.
    pub fn is_welcome(&self) -> bool {
        self.closing.is_none() && self.until.is_none()
    }

    /// Encola un mensaje para él. Si no le cabe, se anota en él que no lee.
    pub fn send(&mut self, text: &str) {
        let frame = frame::encode(text)
            .or_else(|why| frame::encode(&format!("{ERROR}{why}")))
            .unwrap_or_default();
        if !self.is_welcome() || self.conn.queue(&frame).is_ok() {
            return;
        }
        // Quizá quepa tras escribir: una sola vuelta puede traer muchos mensajes.
        if self.conn.flush().is_err() || self.conn.queue(&frame).is_err() {
            self.closing = Some(Reason::Refused("no lees lo que se te envía"));
        }
    }

    /// Los mensajes que llegaron enteros en una lectura, y por qué no habrá más, si no habrá más.
    pub fn receive(&mut self) -> (Vec<String>, Option<Reason>) {
        let mut end = match self.conn.fill(&mut [0; 16 * 1024]) {
            Ok(Fill::Bytes(_) | Fill::Empty) => None,
            Ok(Fill::End) => Some(Reason::Left),
            Err(_) => Some(Reason::Broken),
        };
        let mut messages = Vec::new();
        while let Some(next) = frame::decode(self.conn.input()).transpose() {
            let Ok((text, used)) = next else {
                end = Some(Reason::Refused("eso no es un marco"));
                let all = self.conn.input().len();
                self.conn.consume(all);
                break;
            };
            messages.push(text.to_owned());
            self.conn.consume(used);
        }
        (messages, end)
    }

    /// Escribe lo que quepa. A un expulsado que ya lo tiene todo se le cierra nuestro lado.
    pub fn flush(&mut self, now: Instant) {
        let broken = self.conn.flush().is_err();
        let over = self.conn.phase() == Phase::Over;
        if broken || over || self.until.is_some_and(|until| now >= until) {
            self.closing = Some(Reason::Broken);
        }
    }

    /// Si conviene esperar a que reciba lo que le queda, con la razón detrás si la merece.
    pub fn can_leave_later(&mut self, reason: &Reason, now: Instant) -> bool {
        if matches!(reason, Reason::Broken) || self.until.is_some() {
            return false;
        }
        self.until = Some(now + LINGER);
        self.conn.leave(&match reason {
            Reason::Refused(why) => frame::encode(&format!("{ERROR}{why}")).unwrap_or_default(),
            _ => Vec::new(),
        });
        self.conn.wants_write()
    }
}
