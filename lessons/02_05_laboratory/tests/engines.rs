//! Los cinco motores, desde fuera: el mismo eco, también con quien no lee y con quien se va.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use harness::{Program, Server};

/// Los motores del laboratorio.
const ENGINES: [&str; 5] = ["hilos", "select", "poll", "epoll", "flanco"];

/// Lo más que se espera a un motor antes de darlo por atascado.
const LIMIT: Duration = Duration::from_secs(20);

/// Un motor en su proceso, que termina al soltarlo.
fn start(engine: &str) -> Server {
    let program = Program::new(env!("CARGO_BIN_EXE_lab")).args(["servidor", engine]);
    program.start().unwrap_or_else(|failure| panic!("{engine}: {failure}"))
}

fn client(server: &Server) -> TcpStream {
    let client = TcpStream::connect(server.address()).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.set_write_timeout(Some(LIMIT)).unwrap();
    client
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
        let server = start(engine);
        let (mut greedy, other) = (client(&server), client(&server));
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
        let server = start(engine);
        let stays = client(&server);
        for turn in 0..3 {
            let mut leaves: Vec<TcpStream> = (0..20).map(|_| client(&server)).collect();
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
