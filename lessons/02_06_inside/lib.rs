//! La ventana: ver por dentro cualquier servidor mientras funciona, y repetirlo paso a paso.
//!
//! Nada se simula. strace(1) dice qué pide el programa al núcleo; `/proc`, lo que el núcleo guarda
//! para él. [`recording`] es el formato en el que se apunta.

pub mod narrator;
pub mod recording;
pub mod strace;
