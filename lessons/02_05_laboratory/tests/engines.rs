//! Los cinco motores, desde fuera: el mismo eco, también con quien no lee y con quien se va.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Los motores del laboratorio.
const ENGINES: [&str; 5] = ["hilos", "select", "poll", "epoll", "flanco"];

/// Lo más que se espera a un motor antes de darlo por atascado.
const LIMIT: Duration = Duration::from_secs(20);

/// Un motor en su proceso. Al soltarlo, termina.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(engine: &str) -> Server {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lab"))
            .args(["servidor", engine])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("Escuchando en ").unwrap().to_owned();
        Server { child, address }
    }

    fn client(&self) -> TcpStream {
        let client = TcpStream::connect(&self.address).unwrap();
        client.set_read_timeout(Some(LIMIT)).unwrap();
        client.set_write_timeout(Some(LIMIT)).unwrap();
        client
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn echoes(mut client: &TcpStream, said: &[u8], when: &str) {
    client.write_all(said).unwrap();
    let mut heard = vec![0; said.len()];
    let read = client.read_exact(&mut heard);
    assert!(read.is_ok(), "{when}: {read:?}");
    assert!(heard == said, "{when}: vuelve otra cosa");
}

/// Envía sin leer hasta que no cabe nada más, ni aquí ni en el motor. Devuelve lo enviado.
fn fill(mut client: &TcpStream) -> Vec<u8> {
    client.set_nonblocking(true).unwrap();
    let mut sent = Vec::new();
    let mut stalled = 0;
    // Que no quepa una vez no basta: el motor puede estar leyendo.
    while stalled < 50 {
        let piece: Vec<u8> = (0..=250).cycle().skip(sent.len() % 251).take(4096).collect();
        match client.write(&piece) {
            Ok(count) => {
                sent.extend_from_slice(&piece[..count]);
                stalled = 0;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                stalled += 1;
                std::thread::yield_now();
            }
            Err(error) => panic!("no se puede enviar: {error}"),
        }
    }
    client.set_nonblocking(false).unwrap();
    sent
}

#[test]
fn quien_no_lee_no_estorba_a_los_demás_ni_pierde_nada() {
    for engine in ENGINES {
        let server = Server::start(engine);
        let (mut greedy, other) = (server.client(), server.client());
        let sent = fill(&greedy);
        assert!(sent.len() > 100_000, "{engine}: solo cupieron {} bytes", sent.len());
        echoes(&other, b"y yo", &format!("{engine}, otro cliente"));
        let mut heard = vec![0; sent.len()];
        let read = greedy.read_exact(&mut heard);
        assert!(read.is_ok(), "{engine}, al leer por fin lo suyo: {read:?}");
        assert!(heard == sent, "{engine}: vuelve otra cosa");
        echoes(&greedy, b"y otra vez", &format!("{engine}, después de vaciarse"));
    }
}

#[test]
fn quien_se_va_se_va_del_todo_y_deja_su_sitio() {
    for engine in ENGINES {
        let server = Server::start(engine);
        let stays = server.client();
        for turn in 0..3 {
            let mut leaves: Vec<TcpStream> = (0..20).map(|_| server.client()).collect();
            for client in &mut leaves {
                echoes(client, b"hola", &format!("{engine}, vuelta {turn}"));
                client.shutdown(Shutdown::Write).unwrap();
            }
            for client in &mut leaves {
                let end = client.read(&mut [0; 8]);
                assert!(matches!(end, Ok(0)), "{engine}: no cierra a quien se va: {end:?}");
            }
            echoes(&stays, b"aqui sigo", &format!("{engine}, quien se queda"));
        }
    }
}
