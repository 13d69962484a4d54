//! La línea de la lección 02_04, servida con may_minihttp en un solo hilo de trabajo.

use std::io;

use may_minihttp::{HttpServer, HttpService, Request, Response};

const BODY: &str = "¡Hola desde EpollServer!\n";

#[derive(Clone)]
struct Answer;

impl HttpService for Answer {
    fn call(&mut self, _: Request, response: &mut Response) -> io::Result<()> {
        response.header("Content-Type: text/plain; charset=utf-8");
        response.body(BODY);
        Ok(())
    }
}

fn main() -> io::Result<()> {
    may::config().set_workers(1);
    let port = std::env::args().nth(1).unwrap_or_else(|| "0".to_owned());
    let server = HttpServer(Answer).start(format!("127.0.0.1:{port}"))?;
    server.join().map_err(|_| io::Error::other("el servidor terminó mal"))
}
