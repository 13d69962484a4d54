//! El código de quien aprende, con clientes de verdad: un puerto libre, conexiones y un servidor.

use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use harness::{Conversation, Failure, Peer};

use crate::activity;
use crate::limit::Task;
use crate::outcome::{LIMIT, Outcome};
use crate::sleep::Sleeper;

/// El hilo en el que sirve quien aprende.
pub type Serving = Task<io::Result<()>>;

/// Un socket que escucha en un puerto libre, y la conversación de quienes lo llamen.
pub fn listening() -> Result<(TcpListener, Conversation), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let clients = Conversation::with(listener.local_addr()?).limit(LIMIT);
    Ok((listener, clients.witnessed_by(activity::told)))
}

/// Lo mismo, con una conversación que se cuenta en marcos.
pub fn listening_in_frames() -> Result<(TcpListener, Conversation), Failure> {
    let (listener, clients) = listening()?;
    let clients = Conversation::in_frames(clients.address()).limit(LIMIT);
    Ok((listener, clients.witnessed_by(activity::told)))
}

/// La misma dirección; lo que se diga ahí se cuenta en bytes, que ocupan menos que mil marcos. Como en
/// cada acta faltan los de la otra, ninguna de las dos dice cómo repetirlo a mano.
pub fn in_bytes(clients: &Conversation) -> Conversation {
    let other = Conversation::with(clients.address()).limit(LIMIT).witnessed_by(activity::told);
    drop(clients.clone().unrepeatable());
    other.unrepeatable()
}

/// Un socket que escucha y del que no se puede aceptar a nadie: es no bloqueante y nadie llama, así
/// que `accept` falla enseguida, con `WouldBlock`.
pub fn nobody_calls() -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Un cliente y su conexión, ya aceptada.
pub fn connected() -> Result<(Peer, TcpStream), Failure> {
    let (listener, clients) = listening()?;
    Ok((clients.peer("cliente")?, listener.accept()?.0))
}

/// Un cliente en cuyo búfer de recepción caben `bytes`, y su conexión, ya aceptada.
pub fn connected_narrowly(bytes: usize) -> Result<(Peer, TcpStream), Failure> {
    let (listener, clients) = listening()?;
    Ok((clients.peer_with_receive_buffer("cliente", bytes)?, listener.accept()?.0))
}

/// Pone en marcha `serve`, que es `what`, y sigue el guion. Si falla, cuenta también cómo terminó.
pub fn with_server(
    what: &str,
    (listener, clients): (TcpListener, Conversation),
    serve: impl FnOnce(TcpListener) -> io::Result<()> + Send + 'static,
    script: impl FnOnce(&Conversation, &Serving) -> Outcome,
) -> Outcome {
    let server = Task::start(what, move || serve(listener))?;
    server.explain(script(&clients, &server))
}

/// Llama a `wait`, que espera a que ocurra algo, `how`. Mientras, `peer` calla hasta que se ve que duerme
/// de un tirón, y entonces dice «ya». Devuelve lo que devuelva `wait`.
///
/// # Errors
/// No durmió, o despertó una y otra vez; o `peer` no pudo hablar.
pub fn until_called<T>(peer: &mut Peer, how: &str, wait: impl FnOnce() -> T) -> Result<T, Failure> {
    let waiter = Sleeper::this_thread();
    let talk = || {
        let slept = waiter.sleeps_soundly(
            &format!("Nadie hablaba, y se esperaba {how}"),
            "¿Llamas al núcleo una y otra vez?",
            "Mirar cada poco gasta procesador: una espera es una sola llamada, con su límite o sin él, y el \
             núcleo la despierta en cuanto haya algo.",
        );
        peer.send("ya").and(slept)
    };
    thread::scope(|scope| {
        let talking = scope.spawn(talk);
        let got = wait();
        let talked = talking.join();
        talked.map_err(|_| Failure::new("El cliente no pudo hablar."))?.map(|()| got)
    })
}

/// Escribe una línea de lo que cuenta un servidor. Si nadie lee la salida, se sirve igual.
pub fn tell(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Dice algo, y espera que vuelva igual.
pub fn echoes(client: &mut Peer, message: impl AsRef<[u8]>) -> Outcome {
    client.send(&message)?;
    client.expect(message)
}
