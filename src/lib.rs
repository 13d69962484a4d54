//! Lo que la biblioteca estándar de Python daba a las lecciones originales y la de Rust no,
//! más cada regla que dos lecciones comparten, una sola vez.
//!
//! Aquí no hay ningún bucle de eventos: el bucle es lo que se enseña, y está a la vista en
//! `lessons/`. Un orden de lectura que acompaña al curso:
//!
//! | lección | módulos que usa |
//! |---|---|
//! | 02_02, un hilo por cliente | [`socketserver`], que se apoya en [`listener`] y en [`threads`] |
//! | 02_03, chat con `select` | [`listener`], [`connection`], [`frame`], [`chat`], [`backoff`] |
//! | 02_04, web con `epoll` | [`listener`], [`connection`], [`http`] |
//! | las tres | [`steps`] (`-v` y `--trace`), [`stop`] (Ctrl-C como un descriptor más), [`output`] (lo que se dice, sin esperar a quien lo lee), [`client_id`], [`errors`] (los del sistema, en español), [`cli`] (la línea de órdenes) |
//!
//! Las dependencias van en un solo sentido: las lecciones usan estos módulos y ninguno de ellos
//! conoce una lección. Y solo [`cli`] sabe que hay una línea de órdenes.

pub mod backoff;
pub mod chat;
pub mod cli;
pub mod client_id;
pub mod connection;
pub mod frame;
pub mod http;
pub mod listener;
pub mod output;
pub mod socketserver;
pub mod steps;
pub mod stop;
pub mod threads;

pub use errors;
