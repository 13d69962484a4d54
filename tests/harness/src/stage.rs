//! Una etapa: algo que el servidor de una lección ha de saber hacer.

use std::fmt;
use std::net::SocketAddr;
use std::thread;

use crate::conversation::Conversation;
use crate::failure::Failure;
use crate::peer::Peer;
use crate::program::{Running, Server};
use crate::transcript::Watched;
use crate::waiting::DEFAULT_LIMIT;

/// Una comprobación que se hace a un servidor a través de su socket.
///
/// Solo conoce el contrato de la lección: el servidor puede estar escrito en cualquier lenguaje.
/// Las etapas de una lección pueden pasarse en cualquier orden, y todas al mismo servidor, de una
/// en una: al acabar, cada una deja el servidor como lo encontró. Menos la última, que
/// [lo para](Self::stops_program).
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
    pub(crate) check: Check,
}

/// Cómo se comprueba una etapa.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Check {
    /// Conversando.
    Talk(fn(&Conversation) -> Result<(), Failure>),
    /// Parando el programa mientras siguen dentro los que conecta esta función.
    Ending(fn(&Conversation) -> Result<Vec<Peer>, Failure>),
}

impl Stage {
    /// La última de cada lección: Ctrl-C con clientes dentro.
    pub(crate) const fn ending(
        lesson: &'static str,
        number: usize,
        enter: fn(&Conversation) -> Result<Vec<Peer>, Failure>,
    ) -> Self {
        Self {
            lesson,
            number,
            title: "el final del programa",
            purpose: "Ctrl-C (SIGINT) cierra las conexiones que queden, aunque sus clientes \
                      callen, y el programa termina con código 0.",
            check: Check::Ending(enter),
        }
    }

    /// Si consiste en parar el programa: entonces solo puede pasarla quien lo arrancó, con
    /// [`Server::passes`] o [`Running::passes_in`], y después no queda a quién pasar otra.
    pub fn stops_program(&self) -> bool {
        matches!(self.check, Check::Ending(_))
    }

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
        self.present(match self.check {
            Check::Talk(talk) => talk(conversation),
            Check::Ending(_) => {
                Err(Failure::new("Para pulsar Ctrl-C a un programa hay que haberlo arrancado."))
            }
        })
    }

    fn present(&self, outcome: Result<(), Failure>) -> Result<(), Failure> {
        outcome.map_err(|failure| {
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
    /// Le pasa una etapa, y comprueba que sigue en marcha; o que termina, si consiste en eso.
    ///
    /// Si falla, el informe cuenta además qué hacía el programa en ese momento.
    pub fn passes(&self, stage: &Stage) -> Result<(), Failure> {
        self.passes_in(stage, &stage.conversation(self.address()))
    }
}

impl Running {
    /// Como [`Server::passes`], en una conversación ya preparada con el servidor que es este
    /// programa: con otro límite, o porque no dijo dónde escucha.
    pub fn passes_in(&self, stage: &Stage, conversation: &Conversation) -> Result<(), Failure> {
        conversation.watch(Watched { heads: vec![self.pid()], may_stop: true });
        let outcome = match stage.check {
            Check::Talk(_) => stage.run_in(conversation).and_then(|()| self.expect_alive()),
            Check::Ending(enter) => stage.present(
                enter(conversation).and_then(|inside| self.expect_ending(conversation, inside)),
            ),
        };
        outcome.map_err(|failure| self.explain(failure))
    }

    fn expect_alive(&self) -> Result<(), Failure> {
        if self.is_alive() {
            return Ok(());
        }
        Err(Failure::new("La etapa pasó, pero el servidor terminó."))
    }

    /// Ctrl-C: quienes siguen dentro ven el final de su conexión, y el programa termina bien.
    fn expect_ending(&self, talk: &Conversation, inside: Vec<Peer>) -> Result<(), Failure> {
        // Con `nc` no se pulsa Ctrl-C: lo que falle desde aquí no lo repetirían sus órdenes.
        let talk = talk.clone().unrepeatable();
        let later = self.press_ctrl_c(talk.address())?;
        let exit = thread::scope(|scope| {
            scope.spawn(|| self.insist_on_ctrl_c(&later));
            for mut peer in inside {
                peer.drain()?;
            }
            self.wait(DEFAULT_LIMIT)
        })?;
        let how = match (exit.code, exit.signal) {
            (Some(0), _) => return Ok(()),
            (Some(code), _) => format!("terminó con código {code}"),
            (None, Some(signal)) => format!("lo mató la propia señal ({signal})"),
            (None, None) => "terminó sin código".to_owned(),
        };
        let headline = format!("Tras Ctrl-C, el programa debía terminar con código 0, y {how}.");
        Err(talk.told(Failure::new(headline)))
    }
}
