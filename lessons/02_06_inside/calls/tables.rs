//! Qué es cada descriptor de cada proceso, por lo que han dicho sus llamadas.

use std::collections::BTreeMap;

use crate::strace::fields::Descriptor;

/// Un socket de TCP.
#[derive(Clone, Debug, Default)]
pub(super) struct Socket {
    pub(super) local: Option<String>,
    pub(super) peer: Option<String>,
    pub(super) client: Option<u64>,
}

/// Los descriptores de todos los procesos.
#[derive(Debug, Default)]
pub(super) struct Tables {
    /// Por proceso y descriptor.
    sockets: BTreeMap<(u32, i32), Socket>,
    /// Qué descriptor vigila cada epoll con cada dato: por proceso, epoll y dato.
    watched: BTreeMap<(u32, i32, u64), i32>,
    arrivals: u64,
}

impl Tables {
    /// El socket de un descriptor, si lo es. strace no siempre sabe las direcciones del que acaba de
    /// perder a su otro extremo: valen las que tuvo.
    pub(super) fn socket(&mut self, process: u32, descriptor: &Descriptor) -> Option<Socket> {
        let key = (process, descriptor.number);
        let known = self.sockets.get(&key);
        let silent = descriptor.what.is_empty() || descriptor.what.starts_with("socket:");
        if !descriptor.is_tcp() && (!silent || known.is_none()) {
            return None;
        }
        let mut socket = known.cloned().unwrap_or_default();
        let (local, peer) = descriptor.addresses();
        let (local, peer) = (local.map(|it| it.to_string()), peer.map(|it| it.to_string()));
        if socket.peer.is_some() && peer.is_some() && socket.peer != peer {
            socket.client = None;
        }
        socket.local = local.or(socket.local);
        socket.peer = peer.or(socket.peer);
        if socket.client.is_none() && socket.peer.is_some() {
            // A otro proceso le llega con su descriptor, y no con su accept(2).
            let same = |other: &&Socket| other.peer == socket.peer && other.local == socket.local;
            socket.client = self.sockets.values().filter(same).find_map(|other| other.client);
        }
        self.sockets.insert(key, socket.clone());
        Some(socket)
    }

    /// Un cliente nuevo.
    pub(super) fn accept(&mut self, process: u32, descriptor: &Descriptor) -> Socket {
        self.sockets.remove(&(process, descriptor.number));
        let (local, peer) = descriptor.addresses();
        self.arrivals += 1;
        let socket = Socket {
            local: local.map(|it| it.to_string()),
            peer: peer.map(|it| it.to_string()),
            client: Some(self.arrivals),
        };
        self.sockets.insert((process, descriptor.number), socket.clone());
        socket
    }

    /// Otro número para lo mismo.
    pub(super) fn duplicate(&mut self, process: u32, fd: i32, new: i32) {
        if let Some(socket) = self.sockets.get(&(process, fd)).cloned() {
            self.sockets.insert((process, new), socket);
        }
    }

    /// Ya no es nada.
    pub(super) fn close(&mut self, process: u32, fd: i32) {
        self.sockets.remove(&(process, fd));
        self.watched.retain(|(owner, epoll, _), watched| {
            *owner != process || (*watched != fd && *epoll != fd)
        });
    }

    /// Un epoll vigila un descriptor, y dirá `data`.
    pub(super) fn watch(&mut self, process: u32, epoll: i32, data: u64, fd: i32) {
        self.watched
            .retain(|(owner, it, _), watched| *owner != process || *it != epoll || *watched != fd);
        self.watched.insert((process, epoll, data), fd);
    }

    /// El descriptor que un epoll llama `data`.
    pub(super) fn watched(&self, process: u32, epoll: i32, data: u64) -> Option<i32> {
        self.watched.get(&(process, epoll, data)).copied()
    }

    /// Un proceso nuevo tiene, al nacer, los descriptores de quien lo creó: fork(2).
    pub(super) fn fork(&mut self, parent: u32, child: u32) {
        let sockets: Vec<_> = self
            .sockets
            .range((parent, i32::MIN)..=(parent, i32::MAX))
            .map(|((_, fd), socket)| ((child, *fd), socket.clone()))
            .collect();
        self.sockets.extend(sockets);
        let watched: Vec<_> = self
            .watched
            .iter()
            .filter(|((owner, ..), _)| *owner == parent)
            .map(|((_, epoll, data), fd)| ((child, *epoll, *data), *fd))
            .collect();
        self.watched.extend(watched);
    }
}
