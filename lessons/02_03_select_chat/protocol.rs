//! Qué se dicen el servidor y los clientes: los textos que van dentro de los marcos.

use std::borrow::Cow;
use std::net::IpAddr;

use unicode_width::UnicodeWidthChar;

/// Delante del nombre, en el primer mensaje de un cliente.
pub(crate) const NAME: &str = "NAME: ";
/// Delante de la dirección del cliente, en la respuesta del servidor.
pub(crate) const CLIENT: &str = "CLIENT: ";
/// Delante de la razón, cuando el servidor rechaza algo.
pub(crate) const ERROR: &str = "ERROR: ";

/// El nombre que convierte al programa en servidor.
const SERVER: &str = "servidor";

/// Caracteres que puede tener un nombre.
const MAX_NAME: usize = 32;

/// Los que dan forma a los avisos: en un nombre, servirían para falsificarlos.
const RESERVED: &str = "@[]<>#";

/// Los que ocupan sitio en la pantalla y no se ven: el guion condicional, los rellenos del
/// coreano y el braille en blanco.
const UNSEEN: [char; 6] = ['\u{AD}', '\u{115F}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{FFA0}'];

/// Qué es este programa, según `--name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Server,
    Client(String),
}

/// Interpreta `--name`.
pub(crate) fn role(name: &str) -> Result<Role, String> {
    if name == SERVER {
        return Ok(Role::Server);
    }
    check_name(name)?;
    Ok(Role::Client(name.to_owned()))
}

/// Comprueba que un nombre pueda mostrarse en la pantalla de los demás sin engañarlos.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    let visible = |c: char| c.width().unwrap_or(0) > 0 && !UNSEEN.contains(&c);
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

/// Si dos nombres se confundirían: las mayúsculas no distinguen a nadie.
pub(crate) fn same_name(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// El texto sin caracteres de control, salvo el tabulador: una secuencia de escape podría
/// borrar la pantalla de los demás o escribir en ella lo que quisiera.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let hostile = |c: char| c.is_control() && c != '\t';
    if text.contains(hostile) {
        Cow::Owned(text.replace(hostile, "\u{FFFD}"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Aviso de que alguien entró; `count` es cuántos hay con él.
pub(crate) fn joined(count: usize, name: &str, address: IpAddr) -> String {
    format!("(Conectado: nuevo cliente ({count}) desde {name}@{address})")
}

/// Lo que dijo alguien.
pub(crate) fn said(name: &str, address: IpAddr, text: &str) -> String {
    format!("#[{name}@{address}]>> {}", printable(text))
}

/// Aviso de que alguien se fue.
pub(crate) fn left(name: &str, address: IpAddr) -> String {
    format!("(Desconectado: cliente {name}@{address})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
        assert_eq!(printable("\u{1b}[2J\n\u{9b}"), "\u{FFFD}[2J\u{FFFD}\u{FFFD}");
    }

    proptest! {
        #[test]
        fn nada_de_control_llega_a_otra_pantalla(text in any::<String>()) {
            prop_assert!(!printable(&text).contains(|c: char| c.is_control() && c != '\t'));
        }
    }
}
