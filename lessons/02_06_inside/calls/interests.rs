//! Para qué se vigila cada descriptor, y para qué está listo, como lo escribe strace(1).

use crate::recording::Interest;
use crate::strace::fields;

/// Lo que se pide a select(2): `[3 5], [], []`.
pub(super) fn in_sets(sets: [&str; 3]) -> Vec<Interest> {
    let named = sets.into_iter().zip(["leer", "escribir", "excepción"]);
    let watched = named.flat_map(|(set, events)| {
        let numbers = fields::list(set, b' ').into_iter();
        let numbers = numbers.filter_map(|piece| Some(fields::descriptor(piece)?.number));
        numbers.map(move |fd| interest(fd, events))
    });
    watched.collect()
}

/// Lo que select(2) deja en sus conjuntos: `(in [3], out [5])`.
pub(super) fn left_in_sets(explained: &str) -> Vec<Interest> {
    let named = [("in", "leer"), ("out", "escribir"), ("except", "excepción")];
    let ready = named.into_iter().flat_map(|(title, events)| {
        fields::set(explained, title).into_iter().map(move |fd| interest(fd, events))
    });
    ready.collect()
}

/// Los descriptores de poll(2) y lo que les pasa: `[{fd=4, revents=POLLIN}]`.
pub(super) fn polled(text: &str, events: &str) -> Vec<Interest> {
    let pieces = fields::list(text, b',').into_iter().filter_map(|piece| {
        let fd = fields::descriptor(fields::field(piece, "fd")?)?.number;
        Some(interest(fd, fields::field(piece, events)?))
    });
    pieces.collect()
}

/// Lo que dice epoll_wait(2); `known` es el descriptor que se vigila con cada dato, si se sabe.
pub(super) fn reported(text: &str, known: impl Fn(u64) -> Option<i32>) -> Vec<Interest> {
    let events = fields::list(text, b',').into_iter().filter_map(|event| {
        let data = data(event)?;
        // Quien no se vio añadir suele llevar su descriptor en la mitad baja del dato.
        let fd = known(data).or_else(|| i32::try_from(data & u64::from(u32::MAX)).ok())?;
        let events = fields::field(event, "events")?.to_owned();
        Some(Interest { fd, events, data: Some(data) })
    });
    events.collect()
}

/// El dato que epoll devuelve: `{events=EPOLLIN, data={u32=1, u64=1}}`.
pub(super) fn data(event: &str) -> Option<u64> {
    fields::field(fields::field(event, "data")?, "u64")?.parse().ok()
}

fn interest(fd: i32, events: &str) -> Interest {
    Interest { fd, events: events.to_owned(), data: None }
}
