//! Una vuelta con `select` y otra con `epoll`: qué se da al núcleo, y qué devuelve.

use std::io::{self, Write};
use std::mem;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::os::unix::net::UnixStream;

use harness::raise_descriptor_limit;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::select::{FD_SETSIZE, FdSet, select};
use nix::sys::time::{TimeVal, TimeValLike};
use serde::Serialize;

/// Conexiones de la situación mayor: las últimas tienen descriptores que no caben en un conjunto.
const MANY: usize = 700;

#[derive(Serialize)]
pub(crate) struct Observed {
    /// Cuántos descriptores caben en un conjunto.
    set_size: usize,
    /// Lo que ocupa en memoria un conjunto entero, y cada aviso de `epoll_wait`.
    set_bytes: usize,
    event_bytes: usize,
    turns: Vec<Turn>,
    copies: Vec<Copy>,
}

/// Una vuelta en la que hablan algunas conexiones. Todo, por números de descriptor.
#[derive(Serialize)]
struct Turn {
    watched: Vec<RawFd>,
    talking: Vec<RawFd>,
    /// Los que se pudieron anotar en el conjunto, y los que quedaron en él al volver.
    noted: Vec<RawFd>,
    left: Vec<RawFd>,
    select_returned: i32,
    /// Lo que dijo `epoll_wait`, y lo que dijo la vez siguiente, sin registrar a nadie de nuevo.
    told: Vec<u64>,
    told_again: Vec<u64>,
    /// Después hablan todos: qué ve quien pregunta con el conjunto que le devolvieron, y epoll.
    left_if_reused: Vec<RawFd>,
    told_when_all_talk: usize,
}

/// Un conjunto lleno, en una llamada que solo mira los menores que `limit`.
#[derive(Serialize)]
struct Copy {
    noted: Vec<RawFd>,
    limit: i32,
    /// Los que quedaron: nadie habla, así que son los de la parte que el núcleo no tocó.
    left: Vec<RawFd>,
}

pub(crate) fn observe() -> io::Result<Observed> {
    raise_descriptor_limit();
    let turns = [(1, vec![]), (1, vec![0]), (10, vec![3]), (100, vec![0, 50, 99])]
        .into_iter()
        .chain([(MANY, vec![7, MANY - 1])])
        .map(|(count, talking)| turn(count, &talking))
        .collect::<io::Result<_>>()?;
    let copies =
        [1, 30, 64, 65, 300, 640, 1024].into_iter().map(copy).collect::<io::Result<_>>()?;
    Ok(Observed {
        set_size: FD_SETSIZE,
        set_bytes: mem::size_of::<FdSet<'_>>(),
        event_bytes: mem::size_of::<EpollEvent>(),
        turns,
        copies,
    })
}

fn turn(count: usize, talking: &[usize]) -> io::Result<Turn> {
    let mut pairs = connections(count)?;
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
    for (watched, _) in &pairs {
        let number = u64::try_from(watched.as_raw_fd()).unwrap_or_default();
        epoll.add(watched, EpollEvent::new(EpollFlags::EPOLLIN, number))?;
    }
    for place in talking {
        pairs[*place].1.write_all(b"hola")?;
    }
    let mut set = full_set(&pairs);
    let noted = numbers(&set);
    let select_returned = ask(None, &mut set)?;
    let left = numbers(&set);
    let (told, told_again) = (told(&epoll, count)?, told(&epoll, count)?);
    let mut set = full_set(&pairs);
    ask(None, &mut set)?;
    for (_, peer) in &pairs {
        (&mut &*peer).write_all(b"hola")?;
    }
    ask(None, &mut set)?;
    Ok(Turn {
        watched: pairs.iter().map(|(watched, _)| watched.as_raw_fd()).collect(),
        talking: talking.iter().map(|place| pairs[*place].0.as_raw_fd()).collect(),
        noted,
        left,
        select_returned,
        told,
        told_again,
        left_if_reused: numbers(&set),
        told_when_all_talk: self::told(&epoll, count)?.len(),
    })
}

fn copy(limit: i32) -> io::Result<Copy> {
    let pairs = connections(MANY)?;
    let mut set = full_set(&pairs);
    let noted = numbers(&set);
    ask(Some(limit), &mut set)?;
    Ok(Copy { noted, limit, left: numbers(&set) })
}

/// Conexiones en las que aún no ha hablado nadie: el lado que se vigila, y el otro.
fn connections(count: usize) -> io::Result<Vec<(UnixStream, UnixStream)>> {
    (0..count).map(|_| UnixStream::pair()).collect()
}

/// El conjunto de los que caben.
fn full_set(pairs: &[(UnixStream, UnixStream)]) -> FdSet<'_> {
    let mut set = FdSet::new();
    let fits = |stream: &&UnixStream| {
        usize::try_from(stream.as_raw_fd()).is_ok_and(|number| number < FD_SETSIZE)
    };
    pairs.iter().map(|(watched, _)| watched).filter(fits).for_each(|stream| {
        set.insert(stream.as_fd());
    });
    set
}

fn numbers(set: &FdSet<'_>) -> Vec<RawFd> {
    set.fds(None).map(|descriptor| descriptor.as_raw_fd()).collect()
}

fn ask(limit: Option<i32>, set: &mut FdSet<'_>) -> io::Result<i32> {
    Ok(select(limit, set, None, None, &mut TimeVal::seconds(0))?)
}

fn told(epoll: &Epoll, most: usize) -> io::Result<Vec<u64>> {
    let mut events = vec![EpollEvent::empty(); most];
    let count = epoll.wait(&mut events, EpollTimeout::ZERO)?;
    Ok(events[..count].iter().map(EpollEvent::data).collect())
}
