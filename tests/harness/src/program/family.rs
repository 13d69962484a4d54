//! Los procesos de un servidor: el que escucha, los que arrancó y quien lo arrancó a él.

use std::iter::successors;
use std::net::SocketAddr;
use std::process;

use procfs::ProcResult;
use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process, Stat, all_processes};

use crate::connections::connections;

/// Los procesos que arrancó y siguen ahí.
pub(super) fn children(process: &Process) -> ProcResult<Vec<i32>> {
    let children = process.tasks()?.flatten().filter_map(|thread| thread.children().ok());
    Ok(children.flatten().map(u32::cast_signed).collect())
}

/// Los procesos que arrancó, y los que arrancaron ellos.
pub(super) fn descendants(pid: i32) -> Vec<i32> {
    family(&[pid.cast_unsigned()]).split_off(1)
}

/// Esos procesos, los que arrancaron, y los que arrancaron ellos: primero, los más cercanos.
pub(super) fn family(heads: &[u32]) -> Vec<i32> {
    let mut found: Vec<i32> = heads.iter().map(|pid| pid.cast_signed()).collect();
    let mut next = 0;
    while let Some(&parent) = found.get(next) {
        found.extend(Process::new(parent).and_then(|parent| children(&parent)).unwrap_or_default());
        next += 1;
    }
    found
}

/// Los puertos TCP en los que escucha un proceso, o alguno de los que arrancó.
pub(super) fn listening_ports(pid: i32) -> Vec<u16> {
    let held: Vec<u64> = family(&[pid.cast_unsigned()]).into_iter().flat_map(sockets).collect();
    let ours = listening().filter(|entry| held.contains(&entry.inode));
    ours.map(|entry| entry.local_address.port()).collect()
}

/// Qué procesos de esta máquina escuchan en esa dirección, de los que se dejan ver; ninguno, si es este.
/// Quien hereda el socket de otro de ellos es suyo, y va con él.
pub(crate) fn listeners(address: SocketAddr) -> Vec<u32> {
    let all = all_processes().into_iter().flatten().flatten().map(|process| process.pid());
    let found = listeners_among(&all.collect::<Vec<_>>(), address);
    if found.contains(&process::id()) { Vec::new() } else { found }
}

/// Lo mismo, de entre esos procesos.
pub(super) fn listeners_among(all: &[i32], address: SocketAddr) -> Vec<u32> {
    let here = |entry: &TcpNetEntry| {
        let local = entry.local_address;
        let ip = local.ip().to_canonical();
        local.port() == address.port() && (ip.is_unspecified() || ip == address.ip())
    };
    let wanted: Vec<u64> = listening().filter(here).map(|entry| entry.inode).collect();
    let holds = |pid: &i32| sockets(*pid).iter().any(|inode| wanted.contains(inode));
    let holders: Vec<i32> = all.iter().copied().filter(holds).collect();
    let is_head = |pid: &i32| !ancestors(*pid).any(|ancestor| holders.contains(&ancestor));
    holders.iter().copied().filter(is_head).map(i32::cast_unsigned).collect()
}

/// Quien lo arrancó, quien arrancó a ese, y así hasta el primero.
fn ancestors(pid: i32) -> impl Iterator<Item = i32> {
    let parent = |pid: &i32| Some(stat(*pid)?.ppid).filter(|parent| *parent > 0);
    successors(Some(pid), parent).skip(1)
}

/// Si detenerlo tendría consecuencias: está en primer plano en una terminal, y quien lo arrancó, que es
/// un intérprete de órdenes, la recobraría (credentials(7), tty_ioctl(4)).
pub(crate) fn in_foreground(pid: u32) -> bool {
    let Some(own) = stat(pid.cast_signed()) else { return false };
    let parent_group = stat(own.ppid).map(|parent| parent.pgrp);
    own.tpgid == own.pgrp && parent_group.is_some_and(|group| group != own.pgrp)
}

/// Ese proceso, y los que arrancó que siguen en su grupo (credentials(7)).
pub(super) fn group(pid: i32) -> Vec<i32> {
    let group_of = |pid: i32| stat(pid).map(|stat| stat.pgrp);
    let own = group_of(pid);
    let mut all = family(&[pid.cast_unsigned()]);
    all.retain(|member| *member == pid || group_of(*member) == own);
    all
}

fn stat(pid: i32) -> Option<Stat> {
    Process::new(pid).and_then(|process| process.stat()).ok()
}

/// Los sockets que tiene abiertos, por su número en el núcleo.
fn sockets(pid: i32) -> Vec<u64> {
    let descriptors = Process::new(pid).and_then(|process| process.fd());
    let targets = descriptors.into_iter().flatten().flatten().map(|descriptor| descriptor.target);
    let sockets = targets.filter_map(|target| match target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    });
    sockets.collect()
}

/// Los sockets que escuchan, de toda la máquina.
fn listening() -> impl Iterator<Item = TcpNetEntry> {
    let all = connections().unwrap_or_default().into_iter();
    all.filter(|entry| entry.state == TcpState::Listen)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn se_sabe_quién_escucha_salvo_si_es_este_proceso() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mine = process::id();
        assert_eq!(listeners_among(&[mine.cast_signed()], address), [mine]);
        assert!(listeners(address).is_empty());
        let elsewhere = SocketAddr::from(([127, 0, 0, 2], address.port()));
        assert!(listeners_among(&[mine.cast_signed()], elsewhere).is_empty());
    }

    #[test]
    fn los_antepasados_acaban_en_el_primero() {
        let mine = process::id().cast_signed();
        let all: Vec<i32> = ancestors(mine).collect();
        assert!(!all.is_empty() && !all.contains(&mine) && all.len() < 1000, "{all:?}");
    }
}
