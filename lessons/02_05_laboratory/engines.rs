//! Los motores: cuatro maneras de preguntar al núcleo quién tiene algo que contar, tras un solo
//! rasgo, y una quinta que no pregunta.
//!
//! El rasgo, [`Selector`], es el de la clase `BaseSelector` del módulo `selectors` de Python:
//! registrar, cambiar, quitar y esperar. Quien lo usa ([`service`](crate::service)) es el mismo
//! para los cuatro, letra por letra: lo que se mida de más o de menos es del motor.
//!
//! | motor | archivo | qué hace en cada vuelta |
//! |---|---|---|
//! | `select` | [`select`] | escribe dos conjuntos de 1024 bits, y los vuelve a leer |
//! | `poll` | [`poll`] | escribe una lista de todos, y la vuelve a leer |
//! | `epoll` | [`epoll`] | pide al núcleo su lista de listos |
//! | `flanco` | [`edge`] | lo mismo, avisado solo de lo nuevo |
//! | `hilos` | [`threads`] | nada: cada cliente tiene un hilo, que duerme en su `read` |
//!
//! Y uno que no está aquí: `uring`, sobre `io_uring(7)`. Cambia la pregunta («haz esto y avísame al
//! acabar», en lugar de «avísame cuando pueda hacerlo»), así que no cabe en este rasgo; y dejar un
//! encargo en su cola exige `unsafe`, porque el núcleo escribirá en el búfer mientras tanto. Quien se
//! encarga de eso es la biblioteca `compio`, en el eco de «Más allá»: es el que se mide.

pub(crate) mod edge;
pub(crate) mod epoll;
pub(crate) mod poll;
pub(crate) mod select;
pub(crate) mod threads;

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;
use std::str::FromStr;
use std::time::Duration;

/// Un archivo abierto que comparten quien lo usa y quien lo vigila: el `fileobj` de Python.
///
/// Compartirlo es lo que permite a `select` y a `poll` prestárselo al núcleo en cada vuelta sin
/// que nadie lo haya cerrado por el camino.
pub(crate) type File = Rc<OwnedFd>;

/// Qué interesa de un archivo, o qué le pasa: `EVENT_READ` y `EVENT_WRITE` en Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Events {
    /// Leer no va a esperar.
    pub(crate) read: bool,
    /// Escribir no va a esperar.
    pub(crate) write: bool,
}

impl Events {
    pub(crate) const READ: Events = Events { read: true, write: false };
    pub(crate) const WRITE: Events = Events { read: false, write: true };
}

/// Un archivo listo: el número con el que se registró y para qué está listo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    /// El número de quien lo registró: el `data` de Python.
    pub(crate) data: usize,
    /// Para qué está listo. Un error o un final cuentan como listo para todo: es al leer o al
    /// escribir cuando se sabe qué pasó.
    pub(crate) events: Events,
}

// ANCHOR: selector
/// Vigila archivos: el `selectors.BaseSelector` de Python.
pub(crate) trait Selector {
    /// Si avisa solo de lo nuevo (disparo por flanco). Entonces quien lo usa debe leer hasta que
    /// no quede nada: de lo que deje no se le volverá a avisar.
    const EDGE: bool = false;

    /// Empieza a vigilar un archivo; `data` vuelve con cada aviso.
    ///
    /// # Errors
    /// El núcleo no quiere, o el descriptor no cabe ([`select::FD_SETSIZE`]).
    fn register(&mut self, file: &File, events: Events, data: usize) -> io::Result<()>;

    /// Cambia lo que interesa de un archivo ya registrado.
    fn modify(&mut self, file: &File, events: Events, data: usize) -> io::Result<()>;

    /// Deja de vigilar un archivo.
    fn unregister(&mut self, file: &File) -> io::Result<()>;

    /// Duerme hasta que haya algo listo, y lo añade a `ready`. Sin plazo, para siempre; una señal
    /// puede despertarlo sin nada.
    fn select(&mut self, timeout: Option<Duration>, ready: &mut Vec<Ready>) -> io::Result<()>;

    /// Llamadas al sistema que lleva hechas.
    fn calls(&self) -> u64;
}
// ANCHOR_END: selector

/// Un archivo vigilado: el `SelectorKey` de Python.
struct Key {
    file: File,
    events: Events,
    data: usize,
}

/// Los archivos que vigilan `select` y `poll`: el núcleo no los recuerda, y hay que decírselos
/// en cada vuelta. Un descriptor es un número pequeño, y sirve de índice.
#[derive(Default)]
struct Keys(Vec<Option<Key>>);

impl Keys {
    fn set(&mut self, file: &File, events: Events, data: usize) {
        let fd = index(file);
        if fd >= self.0.len() {
            self.0.resize_with(fd + 1, || None);
        }
        self.0[fd] = Some(Key { file: Rc::clone(file), events, data });
    }

    fn remove(&mut self, file: &File) {
        if let Some(key) = self.0.get_mut(index(file)) {
            *key = None;
        }
        // Que no se recorra lo que ya no hay.
        while matches!(self.0.last(), Some(None)) {
            self.0.pop();
        }
    }

    fn iter(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().flatten()
    }
}

fn index(file: &File) -> usize {
    usize::try_from(file.as_raw_fd()).unwrap_or(0)
}

/// Un motor, por su nombre.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Threads,
    Select,
    Poll,
    Epoll,
    Edge,
    /// `io_uring(7)`, con el eco de «Más allá».
    Uring,
}

impl Engine {
    /// Los del laboratorio, en el orden de los apuntes.
    pub(crate) const OURS: [Engine; 5] =
        [Engine::Threads, Engine::Select, Engine::Poll, Engine::Epoll, Engine::Edge];

    pub(crate) const ALL: [Engine; 6] =
        [Engine::Threads, Engine::Select, Engine::Poll, Engine::Epoll, Engine::Edge, Engine::Uring];

    /// Cómo se llama en la línea de órdenes y en los informes.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Engine::Threads => "hilos",
            Engine::Select => "select",
            Engine::Poll => "poll",
            Engine::Epoll => "epoll",
            Engine::Edge => "flanco",
            Engine::Uring => "uring",
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Engine, String> {
        Engine::ALL
            .into_iter()
            .find(|engine| engine.name() == text)
            .ok_or_else(|| "los motores son hilos, select, poll, epoll, flanco y uring".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    /// Lo que cualquier selector debe hacer, con un par de sockets conectados entre sí.
    fn behaves<S: Selector>(mut selector: S) {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let file: File = Rc::new(ours.into());
        let now = Some(Duration::ZERO);
        let mut ready = Vec::new();

        selector.register(&file, Events::READ, 7).unwrap();
        selector.select(now, &mut ready).unwrap();
        if S::EDGE {
            // Por flanco se piden los dos sucesos de una vez, y hay sitio para escribir.
            assert_eq!(ready, [Ready { data: 7, events: Events::WRITE }]);
            ready.clear();
        }
        assert_eq!(ready, [], "nadie ha escrito todavía");

        theirs.write_all(b"hola").unwrap();
        selector.select(now, &mut ready).unwrap();
        assert_eq!(ready.len(), 1);
        assert!(ready[0].data == 7 && ready[0].events.read);

        ready.clear();
        selector.select(now, &mut ready).unwrap();
        assert_eq!(ready.len(), usize::from(!S::EDGE), "lo que no se lee se repite solo por nivel");

        if !S::EDGE {
            ready.clear();
            selector.modify(&file, Events::WRITE, 8).unwrap();
            selector.select(now, &mut ready).unwrap();
            assert_eq!(ready, [Ready { data: 8, events: Events::WRITE }]);
        }

        ready.clear();
        selector.unregister(&file).unwrap();
        theirs.write_all(b"adios").unwrap();
        selector.select(now, &mut ready).unwrap();
        assert_eq!(ready, [], "ya no se vigila a nadie");
        assert!(selector.calls() >= 4);
    }

    #[test]
    fn select_hace_lo_que_un_selector() {
        behaves(select::SelectSelector::default());
    }

    #[test]
    fn poll_hace_lo_que_un_selector() {
        behaves(poll::PollSelector::default());
    }

    #[test]
    fn epoll_hace_lo_que_un_selector() {
        behaves(epoll::EpollSelector::new().unwrap());
    }

    #[test]
    fn por_flanco_hace_lo_que_un_selector_y_no_repite() {
        behaves(edge::EdgeSelector::new().unwrap());
    }

    #[test]
    fn cada_motor_se_pide_por_su_nombre() {
        for engine in Engine::ALL {
            assert_eq!(engine.name().parse(), Ok(engine));
        }
        assert!("kqueue".parse::<Engine>().is_err());
    }
}
