//! Lo que el núcleo guarda para un programa, mirado en `/proc`: las colas de sus sockets, quién
//! espera a que lo acepten, a quién vigila cada epoll.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;

use nix::sys::epoll::EpollFlags;
use procfs::net::{self, TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};

use crate::recording::{Epoll, Interest, Sample, Socket};

/// Mira los procesos `who`, cada uno con el hilo que lo cuenta en la grabación. El momento lo pone
/// quien lo pide. Lo que no se pueda mirar, porque acaba de irse, no está.
pub(crate) fn take(who: impl IntoIterator<Item = (u32, u32)>) -> Sample {
    let all: Vec<_> = [net::tcp(), net::tcp6()].into_iter().flatten().flatten().collect();
    let kernel = Kernel::new(&all);
    let mut sample = Sample::default();
    let mut seen = Vec::new();
    for (pid, thread) in who {
        let Some(descriptors) = Process::new(pid.cast_signed()).and_then(|it| it.fd()).ok() else {
            continue;
        };
        let mut descriptors: Vec<_> = descriptors.flatten().map(|it| (it.fd, it.target)).collect();
        descriptors.sort_unstable_by_key(|(fd, _)| *fd);
        for (fd, target) in descriptors {
            match target {
                // Un socket que comparten dos procesos es uno solo.
                FDTarget::Socket(inode) if !seen.contains(&inode) => {
                    seen.push(inode);
                    sample.sockets.extend(kernel.socket(fd, thread, inode));
                }
                FDTarget::AnonInode(name) if name.contains("eventpoll") => {
                    let watch = interests(pid, fd);
                    sample.epolls.push(Epoll { fd, watch, owner: other(thread) });
                }
                _ => {}
            }
        }
    }
    sample
}

/// El primero de los procesos no hace falta decirlo.
fn other(thread: u32) -> Option<u32> {
    (thread != 1).then_some(thread)
}

/// Todos los sockets de TCP de la máquina, por su inodo y por sus direcciones.
struct Kernel<'a> {
    by_inode: BTreeMap<u64, &'a TcpNetEntry>,
    by_addresses: BTreeMap<(SocketAddr, SocketAddr), &'a TcpNetEntry>,
}

impl Kernel<'_> {
    fn new(all: &[TcpNetEntry]) -> Kernel<'_> {
        let addresses =
            |entry: &TcpNetEntry| (plain(entry.local_address), plain(entry.remote_address));
        Kernel {
            by_inode: all.iter().map(|entry| (entry.inode, entry)).collect(),
            by_addresses: all.iter().map(|entry| (addresses(entry), entry)).collect(),
        }
    }

    fn socket(&self, fd: i32, thread: u32, inode: u64) -> Option<Socket> {
        let entry = self.by_inode.get(&inode)?;
        let (local, peer) = (plain(entry.local_address), plain(entry.remote_address));
        let listens = entry.state == TcpState::Listen;
        let other_end = self.by_addresses.get(&(peer, local)).filter(|_| !listens);
        Some(Socket {
            fd,
            owner: other(thread),
            local: entry.local_address.to_string(),
            peer: (!listens).then(|| entry.remote_address.to_string()),
            state: state(&entry.state).to_owned(),
            incoming: u64::from(entry.rx_queue),
            outgoing: if listens { 0 } else { u64::from(entry.tx_queue) },
            beyond: other_end.map(|entry| u64::from(entry.rx_queue)),
        })
    }
}

/// `::ffff:127.0.0.1` es 127.0.0.1: quien llama por IPv4 a quien escucha en IPv6.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn state(state: &TcpState) -> &'static str {
    match state {
        TcpState::Established => "ESTABLISHED",
        TcpState::SynSent => "SYN_SENT",
        TcpState::SynRecv | TcpState::NewSynRecv => "SYN_RECV",
        TcpState::FinWait1 => "FIN_WAIT1",
        TcpState::FinWait2 => "FIN_WAIT2",
        TcpState::TimeWait => "TIME_WAIT",
        TcpState::Close => "CLOSE",
        TcpState::CloseWait => "CLOSE_WAIT",
        TcpState::LastAck => "LAST_ACK",
        TcpState::Listen => "LISTEN",
        TcpState::Closing => "CLOSING",
    }
}

/// La lista de un epoll: `tfd:        5 events:       19 data:                5  pos:0 …`.
fn interests(pid: u32, fd: i32) -> Vec<Interest> {
    let text = fs::read_to_string(format!("/proc/{pid}/fdinfo/{fd}")).unwrap_or_default();
    let mut all: Vec<_> = text.lines().filter_map(interest).collect();
    all.sort_unstable_by_key(|interest| interest.fd);
    all
}

fn interest(line: &str) -> Option<Interest> {
    let mut words = line.split_whitespace();
    let mut value = |title: &str| {
        words.by_ref().find(|word| *word == title)?;
        words.next()
    };
    let fd = value("tfd:")?.parse().ok()?;
    let events = u32::from_str_radix(value("events:")?, 16).ok()?;
    let data = u64::from_str_radix(value("data:")?, 16).ok();
    Some(Interest { fd, events: names(events), data })
}

/// Por sus nombres. EPOLLERR y EPOLLHUP se vigilan siempre, se pidan o no: epoll_ctl(2).
fn names(events: u32) -> String {
    let always = EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP;
    let asked = EpollFlags::from_bits_truncate(events.cast_signed()) - always;
    asked.iter_names().map(|(name, _)| name).collect::<Vec<_>>().join("|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_vigila_un_epoll_por_sus_nombres() {
        let line = "tfd:        7 events: 8000201d data:                9  pos:0 ino:1 sdev:8";
        let expected = Interest {
            fd: 7,
            events: "EPOLLIN|EPOLLOUT|EPOLLRDHUP|EPOLLET".to_owned(),
            data: Some(9),
        };
        assert_eq!(interest(line), Some(expected));
        assert_eq!(interest("pos:    0"), None);
    }
}
