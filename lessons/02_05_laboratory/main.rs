//! Lección 02_05: el laboratorio, `cargo lab`. Mide en tu máquina lo que los apuntes afirman.
//!
//! Un mismo servicio, un eco, con cinco motores; un generador que hace de miles de clientes; y
//! una pregunta por cada afirmación, que responden los datos. Se lee en este orden:
//!
//! | módulo | qué hay |
//! |---|---|
//! | [`engines`] | los motores, tras un rasgo que es el `selectors` de Python |
//! | [`service`] | el servicio, el mismo sobre cualquier motor; [`tally`], la cuenta que lleva |
//! | [`generator`] | la carga: a todo lo que da y a ritmo fijo |
//! | [`results`], [`measures`] | la forma de cualquier experimento: filas por medidas |
//! | [`rounds`] | cómo se mide cualquiera: por rondas, que van y vuelven |
//! | [`plan`], [`measure`] | los motores; se apoyan en [`subject`] (el proceso medido), [`clock`] (su procesador) y [`cores`] (quién usa qué procesador) |
//! | [`web`], [`chat`] | las lecciones 02_04 y 02_03, al lado de los [`programs`] de otros |
//! | [`statistics`], [`machine`], [`neighbours`], [`warnings`] | la dispersión de las cifras, dónde se tomaron, quién estorbaba y lo que hay que avisar |
//! | [`verdict`], [`comparison`] | lo que dicen los datos, y en qué difieren dos experimentos |
//! | [`report`] | cómo se enseña: en la terminal, en una página y en gráficas |
//! | [`arguments`], [`commands`] | lo que se pide en la línea de órdenes |

mod arguments;
mod chat;
mod clock;
mod commands;
mod comparison;
mod cores;
mod engines;
mod generator;
mod machine;
#[cfg(test)]
mod made_up;
mod measure;
mod measures;
mod neighbours;
mod plan;
mod programs;
mod report;
mod results;
mod rounds;
mod service;
mod statistics;
mod subject;
mod tally;
mod verdict;
mod warnings;
mod web;
mod wording;

use std::process::ExitCode;

use multiplexacion::cli;

fn main() -> ExitCode {
    let order = match arguments::read(std::env::args_os()) {
        Ok(order) => order,
        Err(code) => return code,
    };
    match commands::obey(order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            cli::complain(&format!("lab: {trouble}"));
            ExitCode::FAILURE
        }
    }
}
