//! El arnés, puesto a prueba: con servidores correctos, con servidores equivocados a propósito y
//! con programas que se atascan.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "aquí todo es prueba")]

mod correct_servers;
mod each_stage;
mod normalised;
mod programs;
mod replays;
mod servers;
mod several_processes;
mod strangers;
mod twenty;
mod wrong_servers;

use std::path::{Path, PathBuf};

/// Un servidor de los del corpus.
fn corpus(file: &str) -> PathBuf {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus")).join(file)
}
