//! El libro del curso por dentro.
pub mod drawings;
