//! `cargo lab`: el laboratorio del curso.

use std::io::{self, Write};
use std::process::ExitCode;

use laboratorio::{arguments, commands};

fn main() -> ExitCode {
    let order = match arguments::read(std::env::args_os()) {
        Ok(order) => order,
        Err(code) => return code,
    };
    match commands::obey(order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            let _ = io::stderr().write_all(format!("lab: {trouble}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}
