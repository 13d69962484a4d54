//! Cómo se enseña lo medido.

pub mod book;
pub mod browser;
pub mod chart;
pub mod html;
pub mod progress;
pub mod terminal;
