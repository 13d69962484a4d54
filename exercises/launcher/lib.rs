//! Lo que «cargo curso» compila primero, sin una sola dependencia.
//!
//! | módulo | qué hay |
//! |---|---|
//! | `moving` | una línea que avanza mientras cargo compila |
//! | `up_to_date` | si un programa ya está compilado como dice el código |

mod moving;
mod up_to_date;

pub use moving::Moving;
pub use up_to_date::UpToDate;

/// Lo que se le dice a cargo para que las dependencias se compilen con las mismas opciones que en
/// `cargo test` y en las lecciones: si se nombra un solo paquete, cargo mira solo lo que pide él, y
/// las compila otra vez. Se quedan fuera los que traen tokio y el que tiene pruebas con los mismos
/// nombres que las de los ejercicios.
pub const WHOLE_COURSE: [&str; 7] = [
    "--workspace",
    "--exclude",
    "mas_alla",
    "--exclude",
    "varias_maquinas",
    "--exclude",
    "soluciones",
];
