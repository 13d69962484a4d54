//! Sockets de mentira: dan y admiten lo que se les dijo, y cuentan cuántas veces se les llama.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, IoSlice, Read, Write};

/// Lo que da una lectura.
#[derive(Clone, Debug)]
pub enum Piece {
    /// Estos bytes; si no caben todos, los demás quedan para la siguiente.
    Bytes(Vec<u8>),
    /// El final, que lo es para siempre.
    End,
    /// Un fallo, o que no hay nada por ahora.
    Fails(ErrorKind),
}

/// Una lectura de estos bytes.
pub fn bytes(bytes: impl Into<Vec<u8>>) -> Piece {
    Piece::Bytes(bytes.into())
}

/// De donde se lee: en cada llamada da lo siguiente, y después, nada por ahora (`WouldBlock`).
#[derive(Debug, Default)]
pub struct Source {
    /// Lo que le queda por dar.
    pub pieces: VecDeque<Piece>,
    /// Llamadas a `read`.
    pub reads: usize,
}

impl Source {
    /// El que da eso.
    pub fn of(pieces: impl IntoIterator<Item = Piece>) -> Source {
        Source { pieces: pieces.into_iter().collect(), reads: 0 }
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        match self.pieces.pop_front().unwrap_or(Piece::Fails(ErrorKind::WouldBlock)) {
            Piece::Bytes(mut bytes) => {
                let count = bytes.len().min(buffer.len());
                buffer[..count].copy_from_slice(&bytes[..count]);
                if count < bytes.len() {
                    self.pieces.push_front(Piece::Bytes(bytes.split_off(count)));
                }
                Ok(count)
            }
            Piece::End => {
                self.pieces.push_front(Piece::End);
                Ok(0)
            }
            Piece::Fails(kind) => Err(kind.into()),
        }
    }
}

/// Lo que da una escritura.
#[derive(Clone, Copy, Debug)]
pub enum Space {
    /// Caben tantos bytes, como mucho.
    Fits(usize),
    /// No escribe nada, y dice esto.
    Refuses(ErrorKind),
}

impl Default for Space {
    /// Cabe todo.
    fn default() -> Space {
        Space::Fits(usize::MAX)
    }
}

/// Donde se escribe: en cada llamada admite lo que se le dijo.
#[derive(Debug, Default)]
pub struct Sink {
    /// Lo que dará en las próximas llamadas.
    pub space: VecDeque<Space>,
    /// Y lo que dará después, siempre.
    pub then: Space,
    /// Lo que se ha escrito.
    pub written: Vec<u8>,
    /// Llamadas a `write`.
    pub writes: usize,
}

impl Sink {
    /// El que da eso, y después admite cualquier cosa.
    pub fn with(space: impl IntoIterator<Item = Space>) -> Sink {
        Sink { space: space.into_iter().collect(), ..Sink::default() }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writes += 1;
        match self.space.pop_front().unwrap_or(self.then) {
            Space::Fits(room) => {
                let count = room.min(bytes.len());
                self.written.extend_from_slice(&bytes[..count]);
                Ok(count)
            }
            Space::Refuses(kind) => Err(kind.into()),
        }
    }

    /// Como en un socket (writev(2)): varios trozos, y una sola llamada.
    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        let all: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).collect();
        self.write(&all)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Un socket de mentira, por el que se lee y se escribe.
#[derive(Debug, Default)]
pub struct Line {
    /// Lo que llega.
    pub source: Source,
    /// Lo que sale.
    pub sink: Sink,
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.source.read(buffer)
    }
}

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn write_vectored(&mut self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        self.sink.write_vectored(pieces)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
