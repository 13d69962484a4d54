//! Lo que el capítulo muestra, hecho a partir de los datos guardados: textos y gráficas.
//!
//! Nada de esto se escribe a mano. Una prueba comprueba que los archivos guardados son los que
//! salen de los datos; para rehacerlos, `cargo lab libro`.

use std::fs;
use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;

use super::drawing::Drawing;
use super::{chart, terminal};
use crate::results::Report;
use crate::{chat, web};

/// Dónde están los datos, dentro de la carpeta de la lección.
pub const EXPERIMENT: &str = "datos/experimento.json";
/// Los de la web.
pub const WEB: &str = "datos/web.json";
/// Los del chat.
pub const CHAT: &str = "datos/chat.json";

/// Cada archivo que sale de los datos de `lesson`, la carpeta de la lección, y su contenido.
///
/// # Errors
/// Falta alguno de los datos, o no se entiende.
pub fn files(lesson: &Path) -> io::Result<Vec<(String, String)>> {
    let report = Report::read(&lesson.join(EXPERIMENT))?;
    let web: web::Outcome = read(&lesson.join(WEB))?;
    let chat: chat::Outcome = read(&lesson.join(CHAT))?;
    let texts = [
        ("maquina", terminal::head(&report)),
        ("costo", terminal::bars(&report)),
        ("tablas", terminal::tables(&report).join("\n\n")),
        ("veredictos", terminal::answers(&report)),
        ("avisos", terminal::remarks(&report)),
        ("web", web::report::text(&web).trim_end().to_owned()),
        ("chat", chat::report::text(&chat).trim_end().to_owned()),
    ];
    let texts = texts.map(|(name, text)| (format!("sesiones/{name}.txt"), text + "\n"));
    let drawings = chart::charts(&report)
        .into_iter()
        .chain(only("web-encadenadas", web::report::drawings(&web)))
        .chain(only("chat-costo", chat::report::drawings(&chat)))
        .map(|drawing| (format!("graficas/{}.svg", drawing.name), drawing.svg));
    Ok(texts.into_iter().chain(drawings).collect())
}

fn only(name: &str, drawings: Vec<Drawing>) -> impl Iterator<Item = Drawing> {
    drawings.into_iter().filter(move |drawing| drawing.name == name)
}

fn read<T: DeserializeOwned>(path: &Path) -> io::Result<T> {
    serde_json::from_str(&fs::read_to_string(path)?).map_err(io::Error::other)
}
