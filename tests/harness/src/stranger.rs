//! Un servidor que ya estaba en marcha: de él solo se sabe dónde escucha, y lo que el núcleo deje ver.

use std::fmt;
use std::net::SocketAddr;

use crate::failure::Failure;
use crate::program::{in_foreground, listeners};
use crate::stage::Stage;
use crate::transcript::Watched;

/// Un servidor que no arrancamos.
///
/// Se busca qué proceso escucha ahí. Si aparece, se le pasan las etapas como a uno propio, y cada fallo
/// cuenta qué hacía.
#[derive(Debug, Clone, Copy)]
pub struct Stranger {
    address: SocketAddr,
}

/// Por qué una etapa prueba menos con un servidor que no arrancamos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hindrance {
    /// No se ve qué proceso es.
    Unseen,
    /// Se ve, pero detenerlo se lo quitaría a la terminal en la que está.
    InForeground,
}

impl Stranger {
    /// Quien escuche en esa dirección.
    pub fn listening_on(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Dónde escucha.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Le pasa una etapa. Si la pasa, dice también si se probó menos, y por qué.
    pub fn passes(&self, stage: &Stage) -> Result<Option<Hindrance>, Failure> {
        let conversation = stage.conversation(self.address);
        // Entre una etapa y otra puede haber vuelto a empezar.
        let heads = listeners(self.address);
        let hindrance = if heads.is_empty() { Hindrance::Unseen } else { Hindrance::InForeground };
        let may_stop = !heads.iter().copied().any(in_foreground);
        let title = title(&heads);
        if !heads.is_empty() {
            conversation.watch(Watched { heads, may_stop });
        }
        stage.run_in(&conversation).map_err(|failure| {
            let doing = failure.doing().unwrap_or_default().to_vec();
            failure.section(title, doing)
        })?;
        Ok(conversation.fell_short().then_some(hindrance))
    }
}

fn title(heads: &[u32]) -> String {
    match heads {
        [only] => format!("Qué hacía el servidor (proceso {only})"),
        _ => "Qué hacía el servidor".to_owned(),
    }
}

impl fmt::Display for Hindrance {
    /// Completa la frase «La etapa 9 probó menos: …».
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unseen => {
                "no se ve qué proceso es el servidor; quizá es de otra persona, o está en un contenedor"
            }
            Self::InForeground => {
                "hay que detener un momento el servidor, y su terminal lo sacaría del primer plano"
            }
        })
    }
}
