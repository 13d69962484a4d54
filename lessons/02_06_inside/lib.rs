//! La ventana: ver por dentro cualquier servidor mientras funciona, y repetirlo paso a paso.
//!
//! Nada se simula. strace(1) dice qué pide el programa al núcleo; `/proc`, lo que el núcleo guarda
//! para él. [`recording`] es el formato en el que se apunta.

pub mod calls;
mod error_names;
#[cfg(feature = "pagina")]
pub mod http;
mod keeper;
#[cfg(feature = "pagina")]
mod lesson_trace;
#[cfg(feature = "pagina")]
pub mod live;
pub mod narrator;
#[cfg(feature = "pagina")]
pub mod open;
#[cfg(feature = "pagina")]
pub mod page;
mod places;
mod python;
pub mod recorder;
pub mod recording;
mod samples;
pub mod signals;
pub mod strace;
#[cfg(feature = "pagina")]
pub mod tape;
pub mod tracer;
#[cfg(feature = "pagina")]
pub mod turns;
