//! El libro construido, comprobado sin navegador.
//!
//! Lo que sí lo necesita (el buscador, el teclado, los contrastes) está en `browser/`.
#![allow(clippy::unwrap_used, reason = "todo este programa es una prueba")]
#![allow(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "las extensiones las ponemos nosotros, en minúsculas"
)]

mod book;
mod cover;
mod epub;
mod glossary;
mod offline;
mod prose;
mod published;
mod questions;
mod serving;
mod sources;
mod structure;
mod time;
mod windows;
