//! Quién pone el orden: este servidor, si está solo; o el intermediario que comparte con otros.

use std::net::IpAddr;
use std::sync::Arc;

use multiplexacion::chat::CloseReason;
use multiplexacion::client_id::ClientId;

use crate::alone::Alone;
use crate::shared::Shared;

/// Por dónde pasa lo que hacen los clientes, antes de que lo oiga nadie.
#[derive(Debug)]
pub(crate) enum Hub {
    Alone(Alone),
    Shared(Arc<Shared>),
}

impl Hub {
    /// Alguien quiere entrar. Errores: por qué no.
    pub(crate) async fn join(
        &self,
        id: ClientId,
        name: &str,
        address: IpAddr,
    ) -> Result<(), CloseReason> {
        let entered = match self {
            Hub::Alone(alone) => alone.join(id, name, address),
            Hub::Shared(shared) => shared.join(id, name, address).await,
        };
        entered.map_err(CloseReason::Refused)
    }

    /// Alguien habla. Vuelve cuando está dicho: si otros van muy atrasados, espera.
    pub(crate) async fn say(&self, id: ClientId, text: &str) {
        match self {
            Hub::Alone(alone) => alone.say(id, text).await,
            Hub::Shared(shared) => shared.say(id, text).await,
        }
    }

    /// Alguien se va, o no llegó a entrar. `epoch`: la identidad con la que lo pidió.
    pub(crate) async fn leave(&self, id: ClientId, epoch: &str) {
        match self {
            Hub::Alone(alone) => alone.leave(id),
            Hub::Shared(shared) => shared.leave(id, epoch).await,
        }
    }

    /// El servidor se detiene.
    pub(crate) async fn stop(&self) {
        if let Hub::Shared(shared) = self {
            shared.stop().await;
        }
    }
}
