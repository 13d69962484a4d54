//! La ventana: ver por dentro cualquier servidor mientras funciona, y repetirlo paso a paso.
//!
//! Nada se simula. strace(1) dice qué pide el programa al núcleo; `/proc`, lo que el núcleo guarda
//! para él. [`recording`] es el formato en el que se apunta.

pub mod calls;
pub mod http;
pub mod keeper;
pub mod live;
pub mod narrator;
pub mod open;
pub mod page;
pub mod places;
pub mod recorder;
pub mod recording;
pub mod samples;
pub mod signals;
pub mod strace;
pub mod tape;
mod traced;
pub mod tracer;
pub mod turns;
