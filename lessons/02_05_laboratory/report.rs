//! Cómo se enseña lo medido: [`look`] dice qué; [`terminal`], [`page`] y [`chart`], con qué aspecto.

pub(crate) mod browser;
pub(crate) mod chart;
pub(crate) mod drawing;
pub(crate) mod file;
pub(crate) mod look;
pub(crate) mod page;
pub(crate) mod progress;
pub(crate) mod terminal;
