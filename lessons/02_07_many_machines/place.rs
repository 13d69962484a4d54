//! Por dónde va el canal.

/// Un punto del canal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Cuántas entradas ha habido.
    pub(crate) n: u64,
    /// Cuántos bytes sumaban.
    pub(crate) bytes: u64,
    /// Cómo llama el intermediario a la última.
    pub(crate) id: String,
}

impl Place {
    /// Lo que contesta el intermediario a quien se apunta.
    pub(crate) fn parse(told: &[String]) -> Option<Place> {
        let [n, bytes, id] = told else { return None };
        Some(Place { n: n.parse().ok()?, bytes: bytes.parse().ok()?, id: id.clone() })
    }
}
