//! Una etapa: algo que el servidor de una lección ha de saber hacer.

use std::fmt;
use std::net::SocketAddr;

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::program::Server;

/// Una comprobación que se hace a un servidor a través de su socket.
///
/// Solo conoce el contrato de la lección: el servidor puede estar escrito en cualquier lenguaje.
/// Las etapas de una lección pueden pasarse en cualquier orden, y todas al mismo servidor, de una
/// en una: al acabar, cada una deja el servidor como lo encontró.
#[derive(Debug, Clone, Copy)]
pub struct Stage {
    /// La lección: `02_02`, `02_03` o `02_04`.
    pub lesson: &'static str,
    /// Su número de orden, desde 1.
    pub number: usize,
    /// Qué comprueba, en pocas palabras: «acepta y responde».
    pub title: &'static str,
    /// Qué ha de hacer el servidor y por qué, para quien aún no lo consigue.
    pub purpose: &'static str,
    pub(crate) check: fn(&Conversation) -> Result<(), Failure>,
}

impl Stage {
    /// La pasa al servidor que escuche en `address`.
    pub fn run(&self, address: SocketAddr) -> Result<(), Failure> {
        self.run_in(&self.conversation(address))
    }

    /// La conversación que le corresponde: con el chat, en marcos.
    pub fn conversation(&self, address: SocketAddr) -> Conversation {
        match self.lesson {
            "02_03" => Conversation::in_frames(address),
            _ => Conversation::with(address),
        }
    }

    /// La pasa en una conversación ya preparada: con otro límite.
    pub fn run_in(&self, conversation: &Conversation) -> Result<(), Failure> {
        (self.check)(conversation).map_err(|failure| {
            failure.within(format!("Lección {}, {self}.", self.lesson)).of_asking(self.purpose)
        })
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "etapa {}: {}", self.number, self.title)
    }
}

impl Server {
    /// Le pasa una etapa, y comprueba que sigue en marcha.
    ///
    /// Si falla, el informe cuenta además qué hacía el programa en ese momento.
    pub fn passes(&self, stage: &Stage) -> Result<(), Failure> {
        let result = stage.run(self.address());
        let result = result.and_then(|()| self.expect_alive());
        result.map_err(|failure| self.explain(failure))
    }

    fn expect_alive(&self) -> Result<(), Failure> {
        if self.is_alive() {
            return Ok(());
        }
        Err(Failure::new("La etapa pasó, pero el servidor terminó."))
    }
}
