//! Un cliente: su vida, en una tarea.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use multiplexacion::chat::{CloseReason, asked_name, rejected, said};
use multiplexacion::client_id::ClientId;
use multiplexacion::connection::LINGER;
use multiplexacion::steps::{Shown, Step};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::delivery::{Delivery, PATIENCE};
use crate::hub::Hub;
use crate::incoming::Incoming;
use crate::proxy::Gate;
use crate::room::Room;

/// Lo que necesita quien atiende a un cliente.
#[derive(Debug, Clone)]
pub(crate) struct Desk {
    pub(crate) room: Arc<Room>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) gate: Gate,
    pub(crate) login_timeout: Duration,
    /// Si el servidor se detiene.
    pub(crate) stop: watch::Receiver<bool>,
}

impl Desk {
    /// La vida de un cliente, de principio a fin. Dos cosas ocurren a la vez, en una sola tarea: se
    /// conversa con él y se le entrega lo que le falta por oír.
    pub(crate) async fn attend(self, mut stream: TcpStream, address: SocketAddr, id: ClientId) {
        let fd = stream.as_raw_fd();
        Step::Accept { fd, client: id, address }.tell();
        let (reading, writing) = stream.split();
        let mut incoming = Incoming::new(reading);
        let mut delivery = Delivery::open(&self.room, id, writing);
        let reason = {
            let address = address.ip().to_canonical();
            let mut conversation = pin!(self.converse(id, address, &mut incoming));
            tokio::select! {
                Err(reason) = &mut conversation => reason,
                reason = delivery.run() => reason,
                () = self.stopping() => self.part(id, &mut delivery, conversation).await,
            }
        };
        Step::Leave { client: id, result: Shown(&reason) }.tell();
        // Aunque el intermediario tarde, o a él no se le espere: se dirá.
        let (hub, epoch) = (Arc::clone(&self.hub), self.room.seats().asked(id));
        self.room.leave(id);
        let leaving = tokio::spawn(async move { hub.leave(id, &epoch).await });
        let patience = if reason.still_reads() { PATIENCE } else { LINGER };
        let farewell = async {
            // Cuando él vea el final, su nombre ha de estar libre.
            let _ = timeout(LINGER, leaving).await;
            if delivery.finish(reason.last_words()).await.is_ok() {
                incoming.drain().await;
            }
        };
        if !matches!(reason, CloseReason::Broken(_) | CloseReason::Overstayed) {
            let _ = timeout(patience, farewell).await;
        }
        self.room.close(id);
        Step::Close { fd, client: id, result: Shown(&reason) }.tell();
    }

    /// Espera a que el servidor se detenga.
    async fn stopping(&self) {
        // Si ya no hay quien lo diga, es que se detuvo.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }

    /// El servidor se detiene: oye lo dicho hasta ahora y el final, y se le atiende hasta que cierre. Lo
    /// que enviara antes de ver el final se dirá; lo que envíe después, aunque no debería, también.
    async fn part(
        &self,
        id: ClientId,
        delivery: &mut Delivery<'_>,
        conversation: impl Future<Output = Result<Infallible, CloseReason>>,
    ) -> CloseReason {
        self.room.leave(id);
        let both = async { tokio::join!(delivery.finish(None), conversation) };
        match timeout(LINGER, both).await {
            Ok((_, Err(reason))) => reason,
            Err(_) => CloseReason::Overstayed,
        }
    }

    /// Conversa con un cliente hasta que haya una razón para dejarlo: no se sale de otro modo.
    async fn converse(
        &self,
        id: ClientId,
        address: IpAddr,
        incoming: &mut Incoming<'_>,
    ) -> Result<Infallible, CloseReason> {
        let introduction = async {
            let address = incoming.owner(address, self.gate).await?;
            Ok((address, incoming.next().await?))
        };
        let introduction = timeout(self.login_timeout, introduction).await;
        let (address, first) = introduction.unwrap_or(Err(CloseReason::Silent))?;
        let name = asked_name(&first).map_err(CloseReason::Refused)?;
        self.hub.join(id, name, address).await?;
        loop {
            let text = incoming.next().await?;
            match said(name, address, &text) {
                _ if text.is_empty() => {}
                Ok(message) => self.hub.say(id, &message).await,
                Err(why) => self.room.tell(id, &rejected(why)),
            }
        }
    }
}
