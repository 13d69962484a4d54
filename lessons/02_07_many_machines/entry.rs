//! Las entradas del canal: lo que ocurre, en el orden en que ocurre.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use multiplexacion::client_id::ClientId;
use redis::{FromRedisValue, Value};

use crate::place::Place;

/// Algo que ocurrió.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Por dónde va el canal, con esta. Si falta una, se nota.
    pub(crate) place: Place,
    /// Quién la causó.
    pub(crate) member: Member,
    /// Qué ocurrió.
    pub(crate) event: Event,
}

/// Uno de los que conversan: el servidor que lo atiende, y su número en él. Si es cosa del servidor
/// mismo, el número es cero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// La identidad del servidor.
    pub(crate) epoch: String,
    /// Su número en él.
    pub(crate) client: ClientId,
}

/// Qué ocurrió.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// Entró, y con él son tantos.
    Joined { name: String, address: IpAddr, count: usize },
    /// Habló: esto oyen los demás. Es la vez `turn` que habla.
    Said { turn: u64, text: String },
    /// Se fue.
    Left { name: String, address: IpAddr },
    /// Los de un servidor han oído mucho: quien esperaba para hablar, que pruebe.
    Heard,
    /// Un servidor ya no está.
    Gone,
}

impl Event {
    /// Lo que cuenta para los topes: su texto, y algo más que lo acompaña.
    pub(crate) fn size(&self) -> u64 {
        let text = if let Event::Said { text, .. } = self { text.len() } else { 0 };
        text as u64 + 64
    }
}

impl Entry {
    /// La que el intermediario guarda con esos campos. `None` si no la escribió este programa.
    pub(crate) fn parse(id: String, fields: HashMap<String, Value>) -> Option<Entry> {
        let mut fields = Fields(fields);
        let event = match fields.take::<String>("what")?.as_str() {
            "joined" => Event::Joined {
                name: fields.take("name")?,
                address: fields.take::<String>("address")?.parse().ok()?,
                count: fields.take("count")?,
            },
            "said" => Event::Said { turn: fields.take("turn")?, text: fields.take("text")? },
            "left" => Event::Left {
                name: fields.take("name")?,
                address: fields.take::<String>("address")?.parse().ok()?,
            },
            "heard" => Event::Heard,
            "gone" => Event::Gone,
            _ => return None,
        };
        let member = Member::parse(&fields.take::<String>("member")?)?;
        let place = Place { n: fields.take("n")?, bytes: fields.take("bytes")?, id };
        Some(Entry { place, member, event })
    }
}

struct Fields(HashMap<String, Value>);

impl Fields {
    fn take<T: FromRedisValue>(&mut self, name: &str) -> Option<T> {
        T::from_redis_value(self.0.remove(name)?).ok()
    }
}

impl Member {
    fn parse(text: &str) -> Option<Member> {
        let (epoch, client) = text.split_once('/').unwrap_or((text, "0"));
        Some(Member { epoch: epoch.to_owned(), client: ClientId(client.parse().ok()?) })
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.client)
    }
}
