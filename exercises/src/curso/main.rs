//! `cargo curso`: acompaña a quien hace los ejercicios.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `arguments` | lo que se escribe en la línea de órdenes |
//! | `commands/` | lo que hace cada orden |
//! | `course` | los ejercicios que hay, su orden y dónde está cada archivo |
//! | `git` | lo poco que se le pide a git |
//! | `given` | qué espera un ejercicio del archivo de quien aprende, y qué archivos no se tocan |
//! | `mistake` | las soluciones equivocadas, que son cambios sobre la buena |
//! | `starter` | el principio de un ejercicio, que sale de su solución |
//! | `progress` | lo ya superado, en un archivo de texto |
//! | `build`, `trial` | compilar las pruebas con cargo; ejecutarlas con un límite y leer su resultado |
//! | `group` | esperar a un proceso con un límite, y terminarlo con lo que haya arrancado |
//! | `workshop` | un paquete de un solo uso con muchas versiones de cada ejercicio |
//! | `markdown` | enunciados y pistas, como se leen en una terminal |
//! | `teacher/` | lo que sirve a quien enseña: repartir, revisar, calificar una clase |
//! | `paint` | colores, marcas y anchos |

#![cfg_attr(not(feature = "docente"), allow(dead_code, reason = "lo usa `teacher`"))]

mod alternative;
mod arguments;
mod build;
mod commands;
mod course;
mod git;
mod given;
mod group;
mod markdown;
mod paint;
mod progress;
mod starter;
mod teacher;
mod trial;
mod workshop;

use std::process::ExitCode;

use multiplexacion::cli;

fn main() -> ExitCode {
    let order = match arguments::read(std::env::args_os()) {
        Ok(order) => order,
        Err(code) => return code,
    };
    commands::obey(order).unwrap_or_else(|trouble| {
        cli::complain(&format!("curso: {trouble}"));
        ExitCode::FAILURE
    })
}
