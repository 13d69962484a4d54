//! Qué significa el chat: quién está en él y qué causa cada mensaje.
//!
//! Aquí no hay sockets ni esperas: solo textos, los que van dentro de los marcos de
//! [`frame`](crate::frame). Por eso sirve igual bajo `select`, bajo `mio` y bajo `tokio`.
//!
//! | dice | cuando |
//! |---|---|
//! | `NAME: ana` | un cliente, lo primero |
//! | `CLIENT: 127.0.0.1` | el servidor, a quien entra: su dirección |
//! | `ERROR: …` | el servidor: por qué no deja entrar, no difunde o echa |
//! | `(Conectado: nuevo cliente (2) desde beto@127.0.0.1)` | el servidor, a los demás |
//! | `#[ana@127.0.0.1]>> hola` | el servidor, a los demás |
//! | `(Desconectado: cliente ana@127.0.0.1)` | el servidor, a los demás |

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::IpAddr;

use unicode_width::UnicodeWidthChar;

use crate::client_id::ClientId;
use crate::errors;
use crate::frame::{FrameError, MAX_TEXT};

/// Delante del nombre, en el primer mensaje de un cliente.
pub const NAME: &str = "NAME: ";
/// Delante de la dirección del cliente, en la respuesta del servidor.
pub const CLIENT: &str = "CLIENT: ";
/// Delante de la razón, cuando el servidor rechaza algo.
pub const ERROR: &str = "ERROR: ";

/// Lo que lleva la razón si no es culpa de quien la recibe, y puede volver en cuanto quiera.
pub const COME_BACK: &str = "vuelve a entrar";

/// El nombre que convierte al programa en servidor, y que nadie más puede llevar.
pub const SERVER: &str = "servidor";

/// Por qué no entra quien pide el nombre de otro.
pub const TAKEN: &str = "ese nombre ya está en uso";

/// Caracteres que puede tener un nombre.
const MAX_NAME: usize = 32;

/// Los que dan forma a los avisos: en un nombre, servirían para falsificarlos.
const RESERVED: &str = "@[]<>#";

/// Los que ocupan sitio en la pantalla y no se ven: el guion condicional, los rellenos del
/// coreano y el braille en blanco.
const UNSEEN: [char; 6] = ['\u{AD}', '\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}'];

// ANCHOR: chat
/// Quién está en el chat, por orden de llegada: el orden en el que se difunde.
#[derive(Debug, Default)]
pub struct Chat {
    members: BTreeMap<ClientId, Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    address: IpAddr,
}

/// Lo que causa un mensaje.
#[derive(Debug, PartialEq, Eq)]
pub enum Effect {
    /// Su autor entró: a él se le saluda, y a los demás se les avisa.
    Joined {
        /// Para él.
        greeting: String,
        /// Para los demás.
        notice: String,
    },
    /// Habló: esto oyen los demás.
    Said(String),
    /// No se difunde, y esto se le responde; sigue en el chat.
    Rejected(String),
    /// No entra, y por qué.
    Refused(&'static str),
    /// Un mensaje vacío: no pasa nada.
    Nothing,
}

impl Chat {
    /// Lo que pasa cuando `from`, que se conectó desde `address`, envía `text`: lo primero que
    /// envía es su nombre; lo demás, para todos.
    pub fn hear(&mut self, from: ClientId, address: IpAddr, text: &str) -> Effect {
        match self.members.get(&from) {
            None => self.join(from, address, text).unwrap_or_else(Effect::Refused),
            Some(_) if text.is_empty() => Effect::Nothing,
            Some(Member { name, address }) => match said(name, *address, text) {
                Ok(message) => Effect::Said(message),
                Err(why) => Effect::Rejected(rejected(why)),
            },
        }
    }

    fn join(&mut self, id: ClientId, address: IpAddr, text: &str) -> Result<Effect, &'static str> {
        let name = asked_name(text)?;
        if self.members.values().any(|member| same_name(&member.name, name)) {
            return Err(TAKEN);
        }
        self.members.insert(id, Member { name: name.to_owned(), address });
        let count = self.members.len();
        Ok(Effect::Joined {
            greeting: format!("{CLIENT}{address}"),
            notice: joined(count, name, address),
        })
    }

    /// Alguien se va. Si estaba en el chat, el aviso para los demás.
    pub fn leave(&mut self, id: ClientId) -> Option<String> {
        let Member { name, address } = self.members.remove(&id)?;
        Some(left(&name, address))
    }

    /// Quiénes oyen lo que causa `from`: todos los que están, menos él.
    pub fn others(&self, from: ClientId) -> impl Iterator<Item = ClientId> {
        self.members.keys().copied().filter(move |id| *id != from)
    }
}
// ANCHOR_END: chat

/// El nombre que pide quien envía `text`, lo primero. Errores: por qué no entra.
pub fn asked_name(text: &str) -> Result<&str, &'static str> {
    let name = text.strip_prefix(NAME).ok_or("el primer mensaje debe ser «NAME: » y tu nombre")?;
    check_name(name).map(|()| name)
}

/// El aviso de que alguien entró; `count` es cuántos hay con él.
pub fn joined(count: usize, name: &str, address: IpAddr) -> String {
    format!("(Conectado: nuevo cliente ({count}) desde {name}@{address})")
}

/// Lo que oyen los demás cuando alguien dice `text`, o por qué no cabe en un marco.
pub fn said(name: &str, address: IpAddr, text: &str) -> Result<String, FrameError> {
    let message = format!("#[{name}@{address}]>> {}", printable(text));
    match message.len() {
        0..=MAX_TEXT => Ok(message),
        length => Err(FrameError::TooLong(length)),
    }
}

/// Lo que se responde a quien dijo algo que no cabe.
pub fn rejected(why: FrameError) -> String {
    format!("{ERROR}con tu nombre delante no cabe: {why}")
}

/// El aviso de que alguien se fue.
pub fn left(name: &str, address: IpAddr) -> String {
    format!("(Desconectado: cliente {name}@{address})")
}

/// Por qué termina una conversación.
#[derive(Debug)]
pub enum CloseReason {
    /// El otro extremo cerró entre dos mensajes: lo normal.
    Left,
    /// El otro extremo cerró a mitad de un mensaje.
    CutShort,
    /// El socket falló: un reinicio de la conexión, casi siempre.
    Broken(io::Error),
    /// Lo que llegó, o lo que se quería enviar, no es un mensaje.
    BadFrame(FrameError),
    /// Tiene mucho por leer y no lo lee.
    NotReading,
    /// No dijo su nombre a tiempo.
    Silent,
    /// El nombre no vale, y por qué.
    Refused(&'static str),
    /// Se iba, y no acabó a tiempo de leer lo suyo, o de cerrar su lado.
    Overstayed,
}

impl CloseReason {
    /// Si solo cerró su lado: no dirá más, pero aún puede leer lo que le falta.
    pub fn still_reads(&self) -> bool {
        matches!(self, CloseReason::Left | CloseReason::CutShort)
    }

    /// Lo que hay que decirle antes de cerrar. A quien se ha ido, o ya no está, nada.
    pub fn last_words(&self) -> Option<String> {
        match self {
            CloseReason::Left | CloseReason::CutShort | CloseReason::Broken(_) => None,
            _ => Some(format!("{ERROR}{self}")),
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CloseReason::Left => f.write_str("se fue"),
            CloseReason::CutShort => f.write_str("se fue a mitad de un mensaje"),
            CloseReason::Broken(error) => f.write_str(&errors::reason(error)),
            CloseReason::BadFrame(error) => error.fmt(f),
            CloseReason::NotReading => f.write_str("no lees tus mensajes y no caben más"),
            CloseReason::Silent => f.write_str("no dijiste tu nombre a tiempo"),
            CloseReason::Refused(why) => f.write_str(why),
            CloseReason::Overstayed => f.write_str("se le dejó de esperar"),
        }
    }
}

/// Comprueba que un nombre pueda mostrarse en la pantalla de los demás sin engañarlos. Errores: la
/// regla que no cumple, en español.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    // De los espacios, solo el corriente: otro daría un nombre que parece el mismo, o lo partiría.
    let seen = |c: char| c == ' ' || !(c.is_whitespace() || UNSEEN.contains(&c));
    let visible = |c: char| c.width().unwrap_or(0) > 0 && seen(c);
    if name.is_empty() {
        Err("el nombre está vacío")
    } else if name.chars().count() > MAX_NAME {
        Err("el nombre pasa de 32 caracteres")
    } else if !name.chars().all(visible) {
        Err("el nombre tiene caracteres de control o que no se ven")
    } else if name.contains(|c| RESERVED.contains(c)) {
        Err("el nombre no puede llevar ninguno de @ [ ] < > #")
    } else if name.trim() != name {
        Err("el nombre no puede empezar ni acabar con espacios")
    } else if same_name(name, SERVER) {
        Err("ese nombre está reservado para el servidor")
    } else {
        Ok(())
    }
}

/// Si dos nombres se confundirían.
fn same_name(one: &str, other: &str) -> bool {
    folded(one) == folded(other)
}

/// El nombre sin lo que no distingue a nadie: las mayúsculas.
pub fn folded(name: &str) -> String {
    name.to_lowercase()
}

/// El texto sin caracteres de control, salvo el tabulador: una secuencia de escape podría
/// borrar la pantalla de los demás o escribir en ella lo que quisiera. Tampoco los dos separadores
/// de Unicode, de línea y de párrafo: muchos programas los toman por un fin de línea.
pub fn printable(text: &str) -> Cow<'_, str> {
    let hostile = |c: char| c.is_control() && c != '\t' || matches!(c, '\u{2028}' | '\u{2029}');
    if text.contains(hostile) {
        Cow::Owned(text.replace(hostile, "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const ANA: ClientId = ClientId(1);
    const BETO: ClientId = ClientId(2);

    fn with_ana() -> Chat {
        let mut chat = Chat::default();
        let effect = chat.hear(ANA, HOME, "NAME: ana");
        let greeting = "CLIENT: 127.0.0.1".to_owned();
        let notice = "(Conectado: nuevo cliente (1) desde ana@127.0.0.1)".to_owned();
        assert_eq!(effect, Effect::Joined { greeting, notice });
        chat
    }

    #[test]
    fn el_primer_mensaje_es_el_nombre_y_los_demás_son_para_todos() {
        let mut chat = with_ana();
        assert_eq!(chat.hear(ANA, HOME, "hola"), Effect::Said("#[ana@127.0.0.1]>> hola".into()));
        assert_eq!(chat.hear(ANA, HOME, ""), Effect::Nothing);
        assert!(matches!(chat.hear(BETO, HOME, "hola"), Effect::Refused(_)));
    }

    #[test]
    fn un_nombre_es_de_uno_solo_hasta_que_se_va() {
        let mut chat = with_ana();
        let taken = Effect::Refused("ese nombre ya está en uso");
        assert_eq!(chat.hear(BETO, HOME, "NAME: ANA"), taken);
        assert_eq!(chat.leave(BETO), None);
        assert_eq!(chat.leave(ANA).as_deref(), Some("(Desconectado: cliente ana@127.0.0.1)"));
        assert!(matches!(chat.hear(BETO, HOME, "NAME: ANA"), Effect::Joined { .. }));
    }

    #[test]
    fn oyen_los_demás_y_no_quien_habla() {
        let mut chat = with_ana();
        assert_eq!(chat.others(ANA).count(), 0);
        chat.hear(BETO, HOME, "NAME: beto");
        assert_eq!(chat.others(ANA).collect::<Vec<_>>(), [BETO]);
        assert_eq!(chat.others(ClientId(9)).collect::<Vec<_>>(), [ANA, BETO]);
    }

    #[test]
    fn lo_que_no_cabe_con_el_nombre_delante_se_rechaza_y_su_autor_sigue() {
        let mut chat = with_ana();
        let room = MAX_TEXT - "#[ana@127.0.0.1]>> ".len();
        assert!(matches!(chat.hear(ANA, HOME, &"x".repeat(room)), Effect::Said(_)));
        assert!(matches!(chat.hear(ANA, HOME, &"x".repeat(room + 1)), Effect::Rejected(_)));
        assert!(matches!(chat.hear(ANA, HOME, "hola"), Effect::Said(_)));
    }

    #[test]
    fn los_nombres_corrientes_valen() {
        for name in ["ana", "José María", "Ñuño", "李雷", "a", &"ñ".repeat(32)] {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn los_nombres_que_engañan_no_valen() {
        for name in [
            "",
            " ana",
            "ana ",
            "ana\u{A0}",
            "ana\n",
            "a\u{2028}na",
            "a\u{2029}na",
            "a\u{3000}na",
            "a\tb",
            "a\u{1b}[2J",
            "a\u{200B}na",
            "\u{202E}ana",
            "a\u{2066}b",
            "\u{FEFF}ana",
            "\u{AD}",
            "\u{2800}",
            "a@b",
            "[a",
            "a]",
            "<a",
            "a>",
            "#a",
            "servidor",
            "SERVIDOR",
            &"ñ".repeat(33),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn el_tabulador_y_las_letras_quedan_y_lo_demás_se_reemplaza() {
        assert_eq!(printable("a\tñ"), "a\tñ");
        assert_eq!(printable("a\u{2028}b\u{2029}"), "a\u{FFFD}b\u{FFFD}");
        assert_eq!(printable("\u{1b}[2J\n\u{9b}"), "\u{FFFD}[2J\u{FFFD}\u{FFFD}");
    }

    proptest! {
        #[test]
        fn nada_de_control_llega_a_otra_pantalla(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(|c: char| c.is_control() && c != '\t'));
        }
    }
}
