//! `cargo libro` por dentro.
//!
//! | módulo | qué hay |
//! |---|---|
//! | [`building`] | de los capítulos a las páginas, con mdBook |
//! | [`generated`] | lo que se escribe solo y se guarda en el repositorio: [`drawings`], [`exercises`] y [`glossary`] |
//! | [`epub`] | de las páginas a un EPUB |
//! | [`server`] | las páginas en el navegador, que se rehacen al guardar |

pub mod building;
pub mod drawings;
pub mod epub;
pub mod exercises;
pub mod generated;
pub mod glossary;
pub mod server;
