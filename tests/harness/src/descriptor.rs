//! Los descriptores de un programa, dichos de modo que se reconozcan.

use std::cell::OnceCell;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// El estado de un socket que escucha, como lo escribe el núcleo (proc_net_tcp).
const LISTENING: &str = "0A";

/// Los descriptores de un proceso.
#[derive(Debug)]
pub struct Descriptors {
    pid: i32,
    /// Los sockets TCP de la máquina. Pueden ser decenas de miles: se leen una vez, si hacen falta, y
    /// de ellos solo se entienden los que se buscan.
    sockets: OnceCell<String>,
}

impl Descriptors {
    /// Los de este proceso, tal como están ahora.
    pub fn here() -> Descriptors {
        Descriptors::of(std::process::id().cast_signed())
    }

    pub(crate) fn of(pid: i32) -> Descriptors {
        Descriptors { pid, sockets: OnceCell::new() }
    }

    /// Un descriptor, por su número y por lo que hay detrás: `3 (escucha en 127.0.0.1:8800)`,
    /// `5 (una tubería)`.
    pub fn describe(&self, number: u64) -> String {
        match self.behind(number) {
            Some(what) => format!("{number} ({what})"),
            None => number.to_string(),
        }
    }

    /// Qué hay detrás; nada, si no está abierto o no se puede saber.
    fn behind(&self, number: u64) -> Option<String> {
        let target = fs::read_link(format!("/proc/{}/fd/{number}", self.pid)).ok()?;
        let target = target.to_string_lossy();
        if let Some(inode) = target.strip_prefix("socket:[").and_then(|it| it.strip_suffix(']')) {
            return Some(self.socket(inode).unwrap_or_else(|| "un socket".to_owned()));
        }
        Some(match &*target {
            "anon_inode:[eventpoll]" => "un epoll".to_owned(),
            "anon_inode:[eventfd]" => "un eventfd".to_owned(),
            "anon_inode:[signalfd]" => "las señales".to_owned(),
            "anon_inode:[timerfd]" => "un temporizador".to_owned(),
            pipe if pipe.starts_with("pipe:") => "una tubería".to_owned(),
            path => path.to_owned(),
        })
    }

    /// El socket TCP que tiene ese número en el núcleo.
    fn socket(&self, inode: &str) -> Option<String> {
        let sockets = self.sockets.get_or_init(|| {
            let read = |file: &str| {
                fs::read_to_string(format!("/proc/{}/net/{file}", self.pid)).unwrap_or_default()
            };
            read("tcp") + &read("tcp6")
        });
        let needle = format!(" {inode} ");
        let mut place = 0;
        while let Some(found) = sockets[place..].find(&needle) {
            let at = place + found;
            let start = sockets[..at].rfind('\n').map_or(0, |end| end + 1);
            let line = sockets[start..].lines().next()?;
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [_, local, remote, state, _, _, _, _, _, owner, ..] = fields[..]
                && owner == inode
            {
                return if state == LISTENING {
                    Some(format!("escucha en {}", address(local)?))
                } else {
                    Some(format!("conexión con {}", address(remote)?))
                };
            }
            place = at + 1;
        }
        None
    }
}

/// `0100007F:2260`: la dirección, en palabras de 32 bits con el orden de esta máquina, y el puerto.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |start: usize| u32::from_str_radix(ip.get(start..start + 8)?, 16).ok();
    if ip.len() == 8 {
        return Some((Ipv4Addr::from(word(0)?.to_ne_bytes()), port).into());
    }
    let mut bytes = [0; 16];
    for (place, chunk) in bytes.chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&word(place * 8)?.to_ne_bytes());
    }
    Some((Ipv6Addr::from(bytes).to_canonical(), port).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};

    fn here(descriptor: impl AsFd) -> String {
        let number = u64::try_from(descriptor.as_fd().as_raw_fd()).unwrap();
        Descriptors::here().behind(number).unwrap()
    }

    #[test]
    fn se_reconoce_lo_que_hay_detrás() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let client = TcpStream::connect(address).unwrap();
        let (accepted, from) = listener.accept().unwrap();
        assert_eq!(here(&listener), format!("escucha en {address}"));
        assert_eq!(here(&client), format!("conexión con {address}"));
        assert_eq!(here(&accepted), format!("conexión con {from}"));
        assert_eq!(here(std::io::pipe().unwrap().0), "una tubería");
        assert_eq!(Descriptors::here().describe(60_000), "60000");
    }

    #[test]
    fn una_dirección_se_lee_como_la_escribe_el_núcleo() {
        let big = cfg!(target_endian = "big");
        let local = if big { "7F000001:2260" } else { "0100007F:2260" };
        assert_eq!(address(local), Some(([127, 0, 0, 1], 8800).into()));
        let last = if big { "00000001" } else { "01000000" };
        let six = format!("{}{last}:0050", "0".repeat(24));
        assert_eq!(address(&six).unwrap().to_string(), "[::1]:80");
        assert_eq!(address("nada"), None);
    }
}
