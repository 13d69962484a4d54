//! Paso 3: una conexión sirve para muchas peticiones, también para varias de golpe.
use multiplexacion::http::{self, Method, Persistence, Refusal, Request, Response, Status};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

const LISTENER: u64 = 0; // El número del socket que escucha; los clientes, desde el 1.
const BODY: &str = "¡Hola desde EpollServer!\n";

struct Client {
    stream: TcpStream,
    input: Vec<u8>, // Lo leído que aún no es una petición entera.
    closing: bool,
}
struct EpollServer {
    epoll: Epoll,
    listener: TcpListener,
    clients: HashMap<u64, Client>,
    next_id: u64,
}

fn main() {
    let _ = serve(&std::env::args_os().nth(1).unwrap_or_default().to_string_lossy());
    let advice = "Di un puerto libre: cargo run --example paso_02_04_3 8080";
    let _ = writeln!(io::stderr(), "{advice}");
    std::process::exit(2) // Solo se llega aquí si no pudo escuchar.
}
fn serve(port: &str) -> io::Result<()> {
    let listener = TcpListener::bind(format!("127.0.0.1:{port}"))?; // T4-14: cola de 128.
    let _ = writeln!(io::stdout(), "Escuchando en {}", listener.local_addr()?);
    listener.set_nonblocking(true)?; // Sin nadie en la cola, accept no duerme: falla.
    // Un descriptor que vigila otros. Cada uno se apunta una vez, con un número nuestro.
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut server = EpollServer { epoll, listener, clients: HashMap::new(), next_id: 1 };
    loop {
        for id in server.wait()? {
            match id {
                LISTENER => server.on_acceptable(),
                id => server.on_readable(id),
            }
            server.reap(id);
        }
    }
}
impl Client {
    /// Contesta a todas las peticiones que estén enteras: ninguna, una o varias.
    fn answer(&mut self) {
        loop {
            self.input.drain(..http::leading_blank(&self.input));
            // T4-09: su final se busca desde el principio cada vez, por lejos que esté.
            if self.closing || http::end_of_head(&self.input).is_none() {
                return;
            }
            let (response, used) = match http::parse_head(&self.input, 0) {
                Ok(Some(request)) => (response(Ok(&request)), request.head_length),
                Ok(None) => return,
                Err(refusal) => (response(Err(&refusal)), 0),
            };
            self.input.drain(..used);
            self.closing = response.persistence == Persistence::Close;
            // Si no lee, los búferes se llenan: write_all duerme, y con él el servidor.
            let sent = self.stream.write_all(&response.encode(SystemTime::now()));
            self.closing |= sent.is_err();
        }
    }
}

/// Qué se contesta. Tras un error se cierra: no se sabe dónde empieza la siguiente.
fn response(request: Result<&Request, &Refusal>) -> Response<'static> {
    let mut response = Response {
        status: Status::OK,
        body: BODY,
        with_body: true,
        persistence: Persistence::Close,
    };
    match request {
        Err(refusal) => {
            (response.status, response.body) = (refusal.status, refusal.reason);
        }
        Ok(request) => {
            response.with_body = request.method != Method::Head;
            match request.method {
                Method::Get | Method::Head => {}
                Method::Known => response.status = Status::METHOD_NOT_ALLOWED,
                Method::Unknown => response.status = Status::NOT_IMPLEMENTED,
            }
            // Lo que hay tras un cuerpo que no se lee no es otra petición.
            if response.status == Status::OK && request.body.is_done() {
                response.persistence = request.persistence;
            }
        }
    }
    response
}

impl EpollServer {
    /// Duerme hasta que haya algo que leer en alguno, y dice cuáles. T4-16: Ctrl-C mata.
    fn wait(&self) -> io::Result<Vec<u64>> {
        let mut events = [EpollEvent::empty(); 64];
        match self.epoll.wait(&mut events, EpollTimeout::NONE) {
            Err(Errno::EINTR) => Ok(Vec::new()), // Una señal, como al seguir tras Ctrl-Z.
            Err(error) => Err(error.into()),
            Ok(count) => Ok(events[..count].iter().map(EpollEvent::data).collect()),
        }
    }
    fn on_acceptable(&mut self) {
        // T4-04: sin descriptores, accept falla, y epoll vuelve enseguida, sin parar.
        let Ok((stream, _)) = self.listener.accept() else { return };
        let _ = stream.set_nodelay(true); // Lo que se escribe sale ya, sin juntarse.
        let event = EpollEvent::new(EpollFlags::EPOLLIN, self.next_id);
        if self.epoll.add(&stream, event).is_ok() {
            let client = Client { stream, input: Vec::new(), closing: false };
            self.clients.insert(self.next_id, client); // T4-10: sin plazo, ahí se queda.
            self.next_id += 1;
        }
    }
    fn on_readable(&mut self, id: u64) {
        let Some(client) = self.clients.get_mut(&id) else { return };
        let mut buffer = [0; 4096];
        match client.stream.read(&mut buffer) {
            Ok(0) | Err(_) => client.closing = true, // Cero bytes: se fue.
            Ok(count) => {
                client.input.extend_from_slice(&buffer[..count]);
                client.answer();
            }
        }
    }
    /// El único lugar que cierra. T4-11: cerrar con algo suyo sin leer es un reinicio.
    fn reap(&mut self, id: u64) {
        if self.clients.get(&id).is_some_and(|client| client.closing) {
            self.clients.remove(&id); // Soltar el socket lo cierra y lo borra de epoll.
        }
    }
}
