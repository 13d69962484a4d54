//! Los clientes de verdad, `aplic_02_03 --reconectar`.

use std::net::SocketAddr;

use harness::{Failure, Program, Running, Stream};

use crate::common::programs;
use crate::{LIMIT, Outcome};

pub(crate) const LOST: &str = "(Se perdió la conexión:";
pub(crate) const BACK: &str = "(Has vuelto al chat.)";

/// El cliente `name`, que vuelve si pierde la conexión.
pub(crate) fn client(name: &str, entrance: SocketAddr) -> Result<Running, Failure> {
    let (host, port) = (entrance.ip().to_string(), entrance.port().to_string());
    Program::new(programs::client()?)
        .args(["--name", name, "--host", &host, "--port", &port, "--reconectar"])
        .spawn()
}

/// Cuántas líneas suyas empiezan así.
pub(crate) fn count(client: &Running, start: &str) -> usize {
    client.stdout().lines().filter(|line| line.starts_with(start)).count()
}

/// Espera a que haya perdido la conexión y haya vuelto, una vez más que las `before` de antes.
pub(crate) fn comes_back(client: &Running, before: usize) -> Outcome {
    client.eventually("volviera al chat", LIMIT, || count(client, BACK) > before)
}

/// Espera a que oiga una línea.
pub(crate) fn hears(client: &Running, line: &str) -> Outcome {
    client.wait_for_line(Stream::Stdout, line, LIMIT).map(drop)
}

/// Cada uno dice algo con `word`, y los demás lo oyen, una vez.
pub(crate) fn all_hear_all(clients: &[(&str, &Running)], word: &str) -> Outcome {
    for (speaker, program) in clients {
        program.write_stdin(format!("{word} de {speaker}\n"));
    }
    for (speaker, _) in clients {
        let line = format!("#[{speaker}@127.0.0.1]>> {word} de {speaker}");
        for (listener, program) in clients {
            if listener != speaker {
                hears(program, &line)?;
                assert_eq!(count(program, &line), 1, "{listener}: {line}");
            }
        }
    }
    Ok(())
}
