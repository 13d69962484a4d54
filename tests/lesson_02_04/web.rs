//! Arrancar el servidor y hablar con él.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use harness::{Conversation, Failure, Peer, Program, Response, Sending, Server, Step, Trace};

pub(crate) type Outcome = Result<(), Failure>;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_aplic_02_04");

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub(crate) const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n";
pub(crate) const GET_AND_CLOSE: &str =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
/// La línea del contrato: 25 caracteres, 26 bytes.
pub(crate) const BODY: &str = "¡Hola desde EpollServer!\n";

/// Para lo que ha de ocurrir en cuanto el servidor tenga el procesador un momento.
pub(crate) const SOON: Duration = Duration::from_secs(10);

/// Un búfer de recepción pequeño: a quien no lee se le llena enseguida.
const SMALL_BUFFER: usize = 4096;

/// Más respuestas de las que el núcleo guarda para quien no lee (`net.ipv4.tcp_wmem`).
pub(crate) const FLOOD: usize = 40_000;

/// El programa, en un puerto que elige el núcleo.
pub(crate) fn program() -> Program {
    Program::new(PROGRAM).args(["--port", "0"])
}

/// El servidor, ya escuchando.
pub(crate) fn server(options: &[&str]) -> Result<Server, Failure> {
    program().args(options).start()
}

/// El servidor, y alguien que se ha conectado.
pub(crate) fn visited(options: &[&str], name: &str) -> Result<(Server, Peer), Failure> {
    let server = server(options)?;
    let client = conversation(&server).peer(name)?;
    Ok((server, client))
}

/// El servidor, y la traza que escribe.
pub(crate) fn traced(options: &[&str]) -> Result<(Server, Trace), Failure> {
    let trace = Trace::new();
    let server = trace.of(program().args(options)).start()?;
    Ok((server, trace))
}

/// Quien será el cliente `id`: pide más páginas de las que caben y no lee ninguna, hasta que el
/// servidor espera a poder escribirle.
pub(crate) fn clogged(
    server: &Server,
    trace: &Trace,
    id: u64,
    name: &str,
) -> Result<(Peer, Sending), Failure> {
    let mut slow = conversation(server).peer_with_receive_buffer(name, SMALL_BUFFER)?;
    let sending = slow.send_meanwhile(GET.repeat(FLOOD))?;
    trace.wait_for(server, "que se espera a poder escribir", |step| {
        step.client() == Some(id) && step.what() == "modify" && step.text("result") == "EPOLLOUT"
    })?;
    Ok((slow, sending))
}

/// Alguien entró. Sin descriptores libres, `accept` también se cuenta, pero sin cliente.
pub(crate) fn is_accepted(step: &Step) -> bool {
    step.what() == "accept" && step.client().is_some()
}

pub(crate) fn conversation(server: &Server) -> Conversation {
    Conversation::with(server.address()).limit(SOON)
}

/// La línea de la lección, con un 200.
pub(crate) fn expect_page(client: &mut Peer) -> Result<Response, Failure> {
    let page = expect_status(client, 200)?;
    if page.body != BODY.as_bytes() {
        return Err(client.mismatch("No es la línea de la lección.", BODY, &page.body));
    }
    Ok(page)
}

/// Una respuesta con ese código.
pub(crate) fn expect_status(client: &mut Peer, status: u16) -> Result<Response, Failure> {
    let answer = client.expect_response()?;
    if answer.status != status {
        let headline = format!("«{}» esperaba un {status}.", client.name());
        return Err(client.mismatch(headline, status.to_string(), answer.status.to_string()));
    }
    Ok(answer)
}

/// Pide la página y la recibe: el servidor sigue en pie.
pub(crate) fn ask(client: &mut Peer) -> Outcome {
    client.send(GET)?;
    expect_page(client).map(drop)
}

/// Alguien llega después de todos los demás y es atendido con normalidad.
///
/// El núcleo entrega las conexiones en orden: cuando este recibe su respuesta, el servidor ya ha
/// aceptado a cuantos llegaron antes (si tiene un solo bucle).
pub(crate) fn serves_a_latecomer(server: &Server) -> Outcome {
    let mut late = conversation(server).peer("quien llega después")?;
    ask(&mut late).and_then(|()| late.leave()).map_err(|failure| server.explain(failure))
}

/// Envía esos bytes, cierra su lado y devuelve todo lo que llega hasta el fin.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> io::Result<Vec<u8>> {
    exchange_cut(address, request, &[])
}

/// Lo mismo, con los bytes partidos por esos puntos.
pub(crate) fn exchange_cut(
    address: SocketAddr,
    request: &[u8],
    cuts: &[usize],
) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(SOON))?;
    stream.set_write_timeout(Some(SOON))?;
    let mut sent = 0;
    for &cut in cuts.iter().chain([&request.len()]) {
        stream.write_all(&request[sent..cut])?;
        sent = cut;
        // Para que lleguen, casi siempre, en lecturas distintas.
        thread::sleep(Duration::from_millis(1));
    }
    stream.shutdown(Shutdown::Write)?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    Ok(received)
}

/// Lo que pone `Date` en todas las respuestas que se van a comparar.
pub(crate) const SOME_DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// Lo mismo, con todas las fechas iguales.
pub(crate) fn without_dates(received: &[u8]) -> String {
    let text = String::from_utf8_lossy(received);
    let mut pieces = text.split("\r\nDate: ");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let rest = piece.get(SOME_DATE.len()..).unwrap_or_default();
        format!("{text}\r\nDate: {SOME_DATE}{rest}")
    })
}

/// Con los finales de línea a la vista, para leerlo en una captura.
pub(crate) fn visible(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => format!("{}\\n\n", line.replace('\r', "\\r")),
            None => line.replace('\r', "\\r"),
        })
        .collect()
}
