//! Lo que cita el texto, ejecutado: una orden, lo que responde, lo que hace un programa bajo
//! `strace`. Si hoy es otra cosa, el texto miente, y la prueba lo dice.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `quoted` | [`quoted`](quoted()), [`Quoted`]: las órdenes de un texto, y lo que dice que responden |
//! | `shell` | [`shell`](shell()), [`run`], [`as_here`], [`with_process`], [`possible`], [`build`], [`program`]: ejecutarlas aquí |
//! | `alike` | [`same`], [`in_order`], [`recorded`], [`Varying`]: comparar, sin lo que es de cada vez |
//! | `traced` | [`Traced`]: un servidor bajo `strace` |
//!
//! Lo usan los capítulos (`tests/commands.rs`), sus sesiones (`tests/sessions.rs`), los enunciados
//! (`ejercicios::follow`), las demostraciones (`book/ejemplos`) y «Más allá» (`book/mas_alla`). Lo
//! que no se ejecuta, y por qué, es de cada uno: está junto a su texto.

mod alike;
mod quoted;
mod shell;
mod traced;

use std::time::Duration;

pub use alike::{Varying, figures_named, in_order, recorded, same, steps_named};
pub use quoted::{Quoted, quoted};
pub use shell::{as_here, build, possible, program, run, shell, with_process};
pub use traced::Traced;

/// Lo que puede tardar cualquier orden: la más lenta espera a que venza un plazo de diez segundos.
pub const LIMIT: Duration = Duration::from_secs(60);
