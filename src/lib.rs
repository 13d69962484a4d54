//! Lo que la biblioteca estándar de Python daba a las lecciones originales y la de Rust no,
//! más las piezas pequeñas que dos lecciones comparten.
//!
//! Aquí no hay ningún bucle de eventos: el bucle es lo que se enseña, y está a la vista en
//! `lessons/`. Un orden de lectura que acompaña al curso:
//!
//! | lección | módulos que usa |
//! |---|---|
//! | 02_02, un hilo por cliente | [`socketserver`], que se apoya en [`net`] |
//! | 02_03, chat con `select` | [`net`], [`connection`], [`frame`] |
//! | 02_04, web con `epoll` | [`connection`], [`http`] |
//! | las tres | [`errors`] (un errno, en español), [`stop`] (Ctrl-C como un descriptor más), [`cli`] (órdenes y errores en español), [`trace`] (`-v` y `--trace`) |
//!
//! Las dependencias van en un solo sentido: las lecciones usan estos módulos y ninguno de ellos
//! conoce una lección.

pub mod cli;
pub mod connection;
pub mod frame;
pub mod http;
pub mod net;
pub mod socketserver;
pub mod stop;
pub mod trace;

pub use errors;
