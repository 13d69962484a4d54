//! Lección 02_02: un hilo por cliente.

fn main() {}
