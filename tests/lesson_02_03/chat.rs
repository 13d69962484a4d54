//! Un servidor en marcha y quienes hablan con él, byte a byte.

use std::thread;
use std::time::Duration;

use harness::procfs::net::{TcpNetEntry, TcpState};
use harness::{Conversation, Failure, Peer, Program, Server};

use super::{Outcome, server, settles};

/// Lo que se deja al núcleo para que entregue lo que se envió a un servidor detenido.
const DELIVERY: Duration = Duration::from_millis(20);

/// Una de las dos colas de un socket: sus bytes.
type Queue = fn(&TcpNetEntry) -> u32;

pub(crate) struct Chat {
    pub(crate) server: Server,
    conversation: Conversation,
}

impl Chat {
    pub(crate) fn open() -> Result<Chat, Failure> {
        Chat::with(server())
    }

    pub(crate) fn with(program: Program) -> Result<Chat, Failure> {
        let server = program.start()?;
        let conversation = Conversation::in_frames(server.address());
        Ok(Chat { server, conversation })
    }

    /// Un chat con varios dentro; cada uno ya oyó llegar a los demás.
    pub(crate) fn among<const N: usize>(names: [&str; N]) -> Result<(Chat, [Peer; N]), Failure> {
        let chat = Chat::open()?;
        let members = chat.members(names)?;
        Ok((chat, members))
    }

    /// Alguien que se conecta y no ha dicho nada.
    pub(crate) fn stranger(&self, name: &str) -> Result<Peer, Failure> {
        self.conversation.peer(name)
    }

    /// Muchos que se conectan y no han dicho nada.
    pub(crate) fn strangers(&self, count: usize) -> Result<Vec<Peer>, Failure> {
        self.conversation.peers("silencioso", count)
    }

    /// Alguien que entra en el chat.
    pub(crate) fn member(&self, name: &str) -> Result<Peer, Failure> {
        let mut peer = self.stranger(name)?;
        enter(&mut peer, name)?;
        Ok(peer)
    }

    /// Alguien que entra en el chat con un búfer de recepción de tantos bytes.
    pub(crate) fn slow_member(&self, name: &str, buffer: usize) -> Result<Peer, Failure> {
        let mut peer = self.conversation.peer_with_receive_buffer(name, buffer)?;
        enter(&mut peer, name)?;
        Ok(peer)
    }

    /// Varios que entran, en ese orden, en un chat vacío; cada uno ya oyó llegar a los demás.
    pub(crate) fn members<const N: usize>(&self, names: [&str; N]) -> Result<[Peer; N], Failure> {
        let mut inside: Vec<Peer> = Vec::new();
        for (others, name) in names.into_iter().enumerate() {
            let newcomer = self.member(name)?;
            inside.iter_mut().try_for_each(|peer| peer.expect_frame(joined(others + 1, name)))?;
            inside.push(newcomer);
        }
        inside.try_into().map_err(|_| Failure::new("No entraron todos."))
    }

    /// Separa dos pasos: espera a que el servidor haya atendido lo enviado.
    pub(crate) fn settles(&self) -> Outcome {
        settles(&self.server)
    }

    /// Lo que el núcleo guarda, en los dos extremos, de lo que el servidor escribió.
    pub(crate) fn bytes_on_their_way_out(&self) -> Result<usize, Failure> {
        self.queued(|ours| ours.tx_queue, |theirs| theirs.rx_queue)
    }

    /// Lo que le enviaron al servidor y no ha salido aún de la máquina de quien lo dijo.
    pub(crate) fn bytes_not_sent_yet(&self) -> Result<usize, Failure> {
        self.queued(|_| 0, |theirs| theirs.tx_queue)
    }

    /// Una suma sobre los sockets de las conversaciones: los del servidor y los de los demás.
    fn queued(&self, ours: Queue, theirs: Queue) -> Result<usize, Failure> {
        let port = self.server.address().port();
        let entries = self.server.ask_kernel(|_| harness::connections())?;
        let bytes = entries.iter().map(|entry| match port {
            _ if entry.state != TcpState::Established => 0,
            _ if entry.local_address.port() == port => ours(entry),
            _ if entry.remote_address.port() == port => theirs(entry),
            _ => 0,
        });
        Ok(bytes.map(|bytes| bytes as usize).sum())
    }

    /// Detiene el servidor mientras ocurre `script`, para que después lo encuentre todo a la vez.
    pub(crate) fn while_stopped(&self, script: impl FnOnce() -> Outcome) -> Outcome {
        self.server.while_stopped(|| {
            script()?;
            thread::sleep(DELIVERY);
            Ok(())
        })
    }
}

/// Dice su nombre y lo dejan entrar.
pub(crate) fn enter(peer: &mut Peer, name: &str) -> Outcome {
    peer.send_frame(format!("NAME: {name}"))?;
    peer.expect_frame(format!("CLIENT: {}", peer.local_ip()))
}

pub(crate) fn joined(count: usize, name: &str) -> String {
    format!("(Conectado: nuevo cliente ({count}) desde {name}@127.0.0.1)")
}

pub(crate) fn said(name: &str, text: &str) -> String {
    format!("#[{name}@127.0.0.1]>> {text}")
}

pub(crate) fn left(name: &str) -> String {
    format!("(Desconectado: cliente {name}@127.0.0.1)")
}

/// Lee hasta oír `text`; lo demás que oiga antes no importa.
pub(crate) fn hears(peer: &mut Peer, text: &str) -> Outcome {
    while peer.next_frame()? != text {}
    Ok(())
}

/// Lo que llega hasta el final de la conexión.
pub(crate) fn everything(peer: &mut Peer) -> Result<Vec<String>, Failure> {
    let mut heard = Vec::new();
    while let Some(text) = peer.next_frame_or_end()? {
        heard.push(text);
    }
    Ok(heard)
}

/// `one` y `other` se oyen entre sí, a la primera.
pub(crate) fn talk(one: &mut Peer, other: &mut Peer) -> Outcome {
    let names = [one.name().to_owned(), other.name().to_owned()];
    one.send_frame("¿estás?")?;
    other.expect_frame(said(&names[0], "¿estás?"))?;
    other.send_frame("estoy")?;
    one.expect_frame(said(&names[1], "estoy"))
}
