//! Lo que comparten los programas de «Más allá»: las opciones con las que se arrancan.
//!
//! Son variaciones sobre las lecciones, en el orden del capítulo: `eco_poll` y `eco_flanco`
//! cambian la manera de preguntar; `eco_uring`, la de leer y escribir; `chat_mio` y `chat_tokio`
//! son el chat de 02_03, con su mismo [`Chat`](multiplexacion::chat::Chat), sobre lo que se usa
//! fuera de un curso.

use std::net::TcpListener;

use clap::Args;
use multiplexacion::cli::{self, Common, Trouble};
use multiplexacion::listener;

/// Dónde escucha un servidor.
#[derive(Args, Debug)]
pub struct Place {
    /// Puerto en el que escucha; 0 deja que elija el núcleo
    #[arg(long, value_name = "PUERTO", value_parser = cli::port, default_value = "8800")]
    pub port: u16,
}

impl Place {
    /// Un socket que escucha ahí, en la dirección de `--host`, no bloqueante. Lo anuncia, porque ya es verdad: el núcleo acepta
    /// conexiones por nosotros. Errores: no se puede escuchar ahí, y qué probar.
    pub fn listen(&self, common: &Common) -> Result<TcpListener, Trouble> {
        let (host, port) = (&common.host, self.port);
        let listener = listener::resolve(host, port)
            .and_then(listener::listen)
            .map_err(|error| Trouble::listening(host, port, &error))?;
        cli::announce(listener.local_addr()?)?;
        Ok(listener)
    }
}
