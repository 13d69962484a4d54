//! El chat entero, con procesos de verdad: un redis, tres servidores y HAProxy delante. Quien entra, entra
//! por el balanceador; los clientes son los de 02_03, sin cambiar nada.

#[path = "../common/mod.rs"]
mod common;

mod churn;
mod clients;
mod faults;
mod house;
mod proxy;
mod stages;
mod together;

use std::time::Duration;

use harness::Failure;

type Outcome = Result<(), Failure>;

/// Cuánto se espera lo que tiene que ocurrir: caducan plazos, y se espera al azar.
const LIMIT: Duration = Duration::from_secs(40);
