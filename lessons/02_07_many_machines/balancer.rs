//! La configuración del balanceador, con otras direcciones, y lo que se le pide mientras trabaja.
//!
//! El texto es el de `haproxy.cfg`, el mismo que lee una persona. Lo que aquí se cambia son tres
//! cosas: dónde escucha, dónde recibe órdenes y quiénes son los servidores.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// La configuración de la lección, tal como está escrita.
const CONFIGURATION: &str = include_str!("haproxy.cfg");

/// Desde dónde habla el balanceador con los servidores: `--proxy`.
pub const SOURCE: &str = "127.0.0.2";

/// Lo que se espera a que conteste a una orden.
const ANSWER: Duration = Duration::from_secs(5);

/// Qué se hace con un servidor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No se le manda a nadie más; los que tiene, siguen.
    Drain,
    /// Se le manda a quien le toque.
    Ready,
}

/// La configuración para quien escucha en `entrance`, recibe órdenes en `orders` y reparte entre
/// `servers`: `s1`, `s2`…
pub fn configuration(entrance: SocketAddr, orders: &Path, servers: &[SocketAddr]) -> String {
    let mut text = String::new();
    for line in CONFIGURATION.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["server", ..] => {}
            ["bind", address, ..] => {
                text += &line.replacen(*address, &entrance.to_string(), 1);
                text.push('\n');
            }
            ["stats", "socket", path, ..] => {
                text += &line.replacen(*path, &orders.display().to_string(), 1);
                text.push('\n');
            }
            _ => {
                text += line;
                text.push('\n');
            }
        }
    }
    for (server, number) in servers.iter().zip(1..) {
        // Escribir en un `String` no falla.
        let _ = writeln!(text, "    server s{number} {server}");
    }
    text
}

/// Le da una orden al balanceador y devuelve lo que conteste. Errores: no hay nadie, o no contesta.
pub fn order(orders: &Path, text: &str) -> io::Result<String> {
    let mut socket = UnixStream::connect(orders)?;
    socket.set_read_timeout(Some(ANSWER))?;
    socket.set_write_timeout(Some(ANSWER))?;
    socket.write_all(format!("{text}\n").as_bytes())?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Cambia el estado del servidor `number`, desde 1. Errores: los de [`order`].
pub fn set_state(orders: &Path, number: usize, state: State) -> io::Result<()> {
    let state = match state {
        State::Drain => "drain",
        State::Ready => "ready",
    };
    match order(orders, &format!("set server chat/s{number} state {state}"))?.trim() {
        "" => Ok(()),
        complaint => Err(io::Error::other(complaint.to_owned())),
    }
}

/// Si el balanceador manda a alguien al servidor `number`: comprueba que vive, y nadie lo ha apartado.
/// Errores: los de [`order`].
pub fn is_up(orders: &Path, number: usize) -> io::Result<bool> {
    let table = order(orders, "show stat")?;
    let name = format!("s{number}");
    // Columnas: 0, el grupo; 1, el nombre; 17, el estado («Reading this documentation: 9.1. CSV»).
    Ok(table.lines().map(|line| line.split(',').collect::<Vec<_>>()).any(|columns| {
        columns.first() == Some(&"chat")
            && columns.get(1) == Some(&name.as_str())
            && columns.get(17) == Some(&"UP")
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cambian_las_direcciones_y_nada_más() {
        let servers = ["127.0.0.1:4001", "127.0.0.1:4002"].map(|text| text.parse().unwrap());
        let text =
            configuration("127.0.0.1:4000".parse().unwrap(), Path::new("/tmp/otro.sock"), &servers);
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        let (before, after) = (lines(CONFIGURATION), lines(&text));
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        assert_eq!(
            new,
            [
                "    stats socket /tmp/otro.sock mode 600 level admin",
                "    bind 127.0.0.1:4000 tcp-ut 120s",
                "    server s1 127.0.0.1:4001",
                "    server s2 127.0.0.1:4002",
            ]
        );
        // Quitados los dos servidores que sobran.
        assert_eq!(before.len(), after.len() + 1);
        assert!(text.contains(&format!("source {SOURCE}\n")));
    }

    #[test]
    fn lo_que_compose_yaml_cambia_sigue_en_la_configuración() {
        let changes: Vec<_> = include_str!("compose.yaml")
            .lines()
            .filter_map(|line| line.split_once("'s/")?.1.split_once('/'))
            .collect();
        assert_eq!(changes.len(), 5);
        for (before, _) in changes {
            assert_eq!(CONFIGURATION.matches(before).count(), 1, "{before}");
        }
    }
}
