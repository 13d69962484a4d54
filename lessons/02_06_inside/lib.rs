//! La ventana: ver por dentro cualquier servidor mientras funciona, y repetirlo paso a paso.
//!
//! Nada se simula. strace(1) dice qué pide el programa al núcleo; `/proc`, lo que el núcleo guarda
//! para él. [`recording`] es el formato en el que se apunta.

pub mod calls;
mod error_names;
pub mod http;
mod keeper;
mod lesson_trace;
pub mod live;
pub mod narrator;
pub mod open;
pub mod page;
mod places;
mod python;
pub mod recorder;
pub mod recording;
mod samples;
pub mod signals;
pub mod strace;
pub mod tape;
pub mod tracer;
pub mod turns;
