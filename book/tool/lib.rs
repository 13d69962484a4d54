//! `cargo libro` por dentro.
//!
//! | módulo | qué hay |
//! |---|---|
//! | [`building`] | de los capítulos a las páginas, con mdBook |
//! | [`generated`] | lo que se escribe solo y se guarda en el repositorio: los dibujos, los capítulos de los ejercicios, lo que cambia cada paso y los términos del buscador |
//! | [`lightening`] | las páginas, sin lo que no usan |
//! | `listings` | los listados de cada página, sin el margen que traen de su archivo |
//! | [`epub`] | de las páginas a un EPUB |
//! | [`windows`] | las ventanas: cada grabación, en su página y dentro de su capítulo |
//! | [`server`] | las páginas en el navegador, que se rehacen al guardar |

pub mod building;
pub mod epub;
pub mod generated;
pub mod lightening;
mod listings;
pub mod server;
pub mod windows;
