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
