//! Cómo se enseña lo medido: [`terminal`] y [`experiment`] (la página) dicen qué; [`page`] y
//! [`drawing`], con qué aspecto.

pub mod book;
pub mod browser;
pub mod chart;
pub mod drawing;
pub mod experiment;
pub mod file;
pub mod page;
pub mod progress;
pub mod terminal;
