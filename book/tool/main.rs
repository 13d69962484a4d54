//! `cargo libro`: pone al día los dibujos y construye el libro.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let book = Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Err(error) = libro::drawings::refresh(book) {
        eprintln!("libro: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
