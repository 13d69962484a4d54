//! Las pruebas del curso: los programas de las lecciones, vistos desde fuera, y los textos que hablan de
//! ellos.
//!
//! | módulo | qué comprueba |
//! |---|---|
//! | [`lesson_02_02`], [`lesson_02_03`], [`lesson_02_04`], [`lesson_02_06`] | cada lección: su programa, sus sockets, su terminal |
//! | [`pasos`] | los pasos que llevan a cada lección |
//! | [`unread`] | los tres servidores, aunque nadie lea lo que cuentan |
//! | [`python`] | las versiones en Python |
//! | [`commands`], [`ordenes`], [`sessions`] | las órdenes, las opciones y las sesiones que citan los textos |
//! | [`documentation`] | que los textos estén al día y completos |
//! | [`recordings`], [`ventana`] | las grabaciones que muestra el libro, y lo que se ve en la ventana |
//!
//! [`photograph`] son las fotos con las que se comparan los textos largos. Son un solo programa: se enlaza una vez, y lo que una espera lo aprovecha otra. Las de un módulo se
//! piden por su nombre: `cargo test --test lecciones lesson_02_04::`.

mod commands;
mod documentation;
mod lesson_02_02;
mod lesson_02_03;
mod lesson_02_04;
mod lesson_02_06;
mod ordenes;
mod pasos;
mod photograph;
mod python;
mod recordings;
mod sessions;
mod unread;
mod ventana;
