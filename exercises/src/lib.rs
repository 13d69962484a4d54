//! Lo que comparten las pruebas de los ejercicios: un límite de tiempo para el código de quien
//! aprende, y fallos que se entienden sin abrir la solución.
//!
//! ```
//! use std::time::Duration;
//! use ejercicios::{Outcome, ensure, within};
//!
//! fn suma_dos_numeros() -> Outcome {
//!     let sum = within(Duration::from_secs(5), "sumar", || 2 + 2)?;
//!     ensure(sum == 4, || format!("2 + 2 son 4, y tu función dice {sum}."))
//! }
//! # suma_dos_numeros().unwrap();
//! ```
//!
//! | módulo | qué hay |
//! |---|---|
//! | `outcome` | [`Outcome`], [`ensure`] y sus hermanas, [`Explain`]: lo que devuelve una prueba |
//! | `limit` | [`within`], [`lending`], [`Task`]: ejecutar algo en un hilo, con un límite |
//! | `sleep` | [`all_asleep`], lo que usa [`Task::sleeps_soundly`]: si quien no tiene nada que hacer duerme |
//! | `serving` | [`with_server`], [`connected`], [`listening`]: con clientes y sockets de verdad |
//! | [`readiness`] | `select` y `accept`, hechos: para los ejercicios que ya no tratan de ellos |
//! | [`descriptors`] | gastarlos casi todos |
//! | [`epoll`] | esperar los avisos de `epoll`, y decir sus banderas |
//! | [`fake`] | sockets de mentira, que dan y admiten lo que se les dijo |
//! | `activity` | en qué llamada al sistema duerme un hilo, y qué conviene preguntarse |
//! | [`runner`] | [`tests!`]: cada prueba en su proceso, y de lo que resulta, datos |
//! | `secrecy` | que el proceso de una prueba no se deje mirar por dentro, salvo para contar un fallo |
//! | `panics` | los pánicos, contados en español; [`provoke`] |
//! | `by_hand` | [`by_hand`](by_hand()), [`by_hand_calling`]: el ejercicio, fuera de las pruebas |
//! | [`prelude`] | lo que usan casi todas las pruebas, para traerlo de una vez |
//! | `follow` | [`follow`](follow()), [`Hands`]: las órdenes de un enunciado, contra su solución |

mod activity;
mod by_hand;
pub mod descriptors;
pub mod epoll;
pub mod fake;
mod follow;
mod limit;
mod outcome;
mod panics;
pub mod readiness;
pub mod runner;
mod secrecy;
mod serving;
mod sleep;

pub use by_hand::{by_hand, by_hand_calling};
pub use follow::{Hands, Terminal, follow};
pub use limit::{Task, lending, within};
pub use outcome::{Explain, LIMIT, Outcome, done, ensure, ensure_equal, ensure_fails, shown};
pub use panics::provoke;
pub use serving::{
    Serving, connected, connected_narrowly, echoes, in_bytes, listening, listening_in_frames,
    nobody_calls, tell, until_called, with_server,
};
pub use sleep::all_asleep;

/// Lo que usan casi todas las pruebas.
pub mod prelude {
    pub use harness::{Conversation, Failure, Peer};

    pub use crate::{
        Explain, LIMIT, Outcome, Serving, Task, by_hand, by_hand_calling, connected,
        connected_narrowly, done, echoes, ensure, ensure_equal, ensure_fails, follow, in_bytes,
        lending, listening, listening_in_frames, nobody_calls, shown, tell, until_called,
        with_server, within,
    };
}
