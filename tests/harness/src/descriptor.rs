//! Un descriptor de un programa, dicho de modo que se reconozca.

use std::fs;
use std::path::PathBuf;

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};

/// Qué hay detrás de un descriptor: `escucha en 127.0.0.1:8800`, `una tubería`, `/dev/pts/0`. Nada,
/// si no está abierto o no se puede saber.
pub(crate) fn described(pid: i32, number: u64) -> Option<String> {
    let target: PathBuf = fs::read_link(format!("/proc/{pid}/fd/{number}")).ok()?;
    let target = target.to_string_lossy();
    if let Some(inode) = inode(&target, "socket") {
        return Some(socket(inode).unwrap_or_else(|| "un socket".to_owned()));
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

/// `socket:[1234]` → 1234.
fn inode(target: &str, kind: &str) -> Option<u64> {
    target.strip_prefix(kind)?.strip_prefix(":[")?.strip_suffix(']')?.parse().ok()
}

/// El socket TCP que tiene ese número en el núcleo (proc_net(5)).
fn socket(inode: u64) -> Option<String> {
    let entries = tcp().into_iter().chain(tcp6()).flatten();
    entries.into_iter().find(|entry| entry.inode == inode).map(|entry| told(&entry))
}

fn told(entry: &TcpNetEntry) -> String {
    match entry.state {
        TcpState::Listen => format!("escucha en {}", entry.local_address),
        _ => format!("conexión con {}", entry.remote_address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::{AsFd, AsRawFd};

    fn here(descriptor: impl AsFd) -> String {
        let number = u64::try_from(descriptor.as_fd().as_raw_fd()).unwrap();
        described(std::process::id().cast_signed(), number).unwrap()
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
        assert_eq!(described(std::process::id().cast_signed(), 60_000), None);
    }
}
