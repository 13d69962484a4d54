//! El chat de 02_03 en varios servidores, con un intermediario en medio.
//!
//! Para quien entra nada cambia: los mismos mensajes, los mismos avisos y el mismo cliente. Por dentro
//! cambia una cosa, y de ella sale lo demás: **la verdad es un canal**, un *stream* de redis. Quien
//! entra, habla o se va es una entrada más, y cada servidor las lee todas, en orden, desde donde iba.
//! Lo que dice uno de los suyos no se lo enseña a nadie hasta que vuelve del canal.
//!
//! # Qué se promete
//!
//! | promesa | de dónde sale |
//! |---|---|
//! | Todos ven lo mismo en el mismo orden, salvo lo suyo propio | solo se muestra lo que se lee del canal, y hay un canal |
//! | Lo de cada uno, en el orden en que lo dijo | lo siguiente no se dice hasta saber que se dijo lo anterior |
//! | Un nombre es de uno solo | se reserva en un guion que redis ejecuta entero, y con él sale el aviso |
//! | El número de los avisos cuenta a todos | lo pone ese mismo guion |
//! | De un servidor muerto se avisa una vez, y sus nombres quedan libres | lo entierra el primero que lo nota, en un guion: para los demás ya no está |
//! | Lo dicho no se pierde ni se repite | cada vez que alguien habla lleva un número, y repetir la petición no la repite |
//! | Quien lee, aunque despacio, lo oye todo | quien habla espera cuando al servidor más atrasado le falta 1 MiB |
//!
//! **Una vez, ni más ni menos**, mientras redis no olvide lo que contestó. No olvida con
//! `appendonly yes` y `appendfsync always`: escribe en disco antes de contestar. Con lo que trae de
//! fábrica puede perder el último segundo, o más. Entonces no se calla: las entradas van numeradas, y a
//! quien le falte alguna se le dice «se perdieron mensajes que no oíste; vuelve a entrar» y se le corta
//! la conexión. Es lo mismo que ocurre si un servidor vuelve tan tarde que el canal, que guarda los últimos
//! 16 MiB, ya no tiene lo que les faltaba a los suyos.
//!
//! Lo que **no** se promete: lo que un cliente envió y su servidor aún no había dicho cuando murió
//! (él ve que su conexión se corta); ni lo que se diga mientras vuelve a entrar. Y si redis calla, el
//! chat calla: los clientes esperan, y lo suyo sale cuando vuelve.
//!
//! # Qué pasa si…
//!
//! - **un servidor muere** (o se le mata): deja de latir. Pasado su plazo (`--lease`), otro lo entierra.
//!   Quien pida entonces uno de sus nombres espera a que se sepa: o late, o se le entierra.
//! - **un servidor se duerme** más de su plazo: cuando despierta, lo que pida con su identidad ya no
//!   vale. Se apunta con otra, sorteada, lee lo que se perdió, y los suyos vuelven a entrar sin notarlo;
//!   menos aquel cuyo nombre sea ya de otro, a quien se le dice antes de cortarle la conexión.
//! - **redis falta** un rato: nadie entierra a nadie, porque quien vuelve da a los demás un plazo entero.
//! - **un servidor va despacio**: redis no le envía nada que no pida, así que no tiene por qué cortarle.
//!   Los que hablan lo esperan, 1 MiB detrás; y si se detiene del todo, deja de latir.
//! - **una petición llega tarde**, por una conexión que ya se dio por perdida: cada conexión lleva un
//!   número, y las de antes no valen.
//! - **dos servidores con la misma identidad**: no puede haberlos, porque no se eligen: cada uno sortea
//!   64 bits cada vez que se apunta.
//!
//! # Por dónde leer
//!
//! `scripts/common.lua` y los guiones que lo siguen: lo que es atómico. Después `shared` (latir, leer,
//! pedir), `seats` (qué oye cada uno) y `guest` (la vida de un cliente). Sin intermediario, lo mismo lo
//! hace `alone`, en su memoria.
//!
//! Va sobre tokio, con el cliente de redis más usado, porque aquí se aprende a compartir el estado. El
//! bucle ya se aprendió, y el chat sobre tokio se explica en *Más allá*.

mod alone;
pub mod balancer;
mod broker;
mod delivery;
mod entry;
mod guest;
mod history;
mod hub;
mod incoming;
mod orders;
mod place;
mod proxy;
mod room;
mod seats;
mod server;
mod shared;

pub use server::{Options, serve};
