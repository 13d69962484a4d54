//! Llegan bytes y se leen a medias: cuándo avisa `epoll`, por nivel y por flanco.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use ejemplos::{connected, wait_for_bytes};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use serde::Serialize;

/// Los bytes que llegan antes de cada vuelta, como en el juego.
const ARRIVALS: [usize; 8] = [10, 0, 0, 0, 2, 0, 0, 0];

#[derive(Serialize)]
pub(crate) struct Observed {
    edge: bool,
    arrivals: &'static [usize],
    /// Los que se leen, como mucho, en cada aviso.
    read: usize,
    turns: Vec<Turn>,
}

#[derive(Serialize)]
struct Turn {
    told: bool,
    got: usize,
    /// Los que quedan sin leer.
    left: usize,
}

pub(crate) fn observe() -> io::Result<Vec<Observed>> {
    let most = ARRIVALS.iter().sum();
    let each = [false, true].into_iter().flat_map(|edge| (1..=most).map(move |read| (edge, read)));
    each.map(|(edge, read)| session(edge, read)).collect()
}

fn session(edge: bool, read: usize) -> io::Result<Observed> {
    let (mut ana, beto) = connected()?;
    let mode = if edge { EpollFlags::EPOLLET } else { EpollFlags::empty() };
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    epoll.add(&beto, EpollEvent::new(EpollFlags::EPOLLIN | mode, 0))?;
    let (mut turns, mut left) = (Vec::new(), 0);
    for arrived in ARRIVALS {
        if arrived > 0 {
            ana.write_all(&vec![b'a'; arrived])?;
            left += arrived;
            wait_for_bytes(&beto, left)?;
        }
        let turn = turn(&epoll, &beto, read, left)?;
        left = turn.left;
        turns.push(turn);
    }
    Ok(Observed { edge, arrivals: &ARRIVALS, read, turns })
}

fn turn(epoll: &Epoll, mut beto: &TcpStream, read: usize, waiting: usize) -> io::Result<Turn> {
    let told = epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO)? == 1;
    let got = if told { beto.read(&mut vec![0; read])? } else { 0 };
    Ok(Turn { told, got, left: waiting - got })
}
