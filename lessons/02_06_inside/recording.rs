//! El formato de una grabación: JSON Lines, un objeto por línea, en el orden en que se supo.
//!
//! La primera línea es siempre `recording`. El campo `what` dice qué es cada una; quien lea debe
//! pasar por alto los campos y las líneas que no conozca.
//!
//! | `what` | qué cuenta | campos |
//! |---|---|---|
//! | `recording` | qué se grabó | [`Header`] |
//! | `source` | un archivo de código del que hay llamadas, una vez | `file`, desde la carpeta en la que se grabó; `text` |
//! | `thread` | un hilo, o un proceso si `process`, que hizo algo que se cuenta; otra vez, si se le da nombre | `us`, cuándo nació; `thread`; `parent`, quien lo creó, 0 si no está en la grabación; `process`; `name` |
//! | `call` | una llamada al sistema: terminada o, si falta `took`, en la que alguien sigue dormido | [`Call`] |
//! | `sample` | lo que el núcleo guarda en un momento, si cambió | [`Sample`] |
//! | `signal` | una señal que llegó | `us`, `thread`, `signal` |
//! | `exit` | un hilo o un proceso que terminó | `us`, `thread`, `code` o `signal` |
//! | `omitted` | llamadas que no se guardaron, porque eran demasiadas | `us`, la primera; `count` |
//!
//! Según se graba, una llamada en la que un hilo se duerme llega dos veces, con los mismos `us` y
//! `thread`: sin `took` y, cuando termina, entera. En un archivo está solo una vez, donde terminó.
//! Una muestra se toma mientras el servidor sigue: es de su `us`, no de la llamada de al lado.
//!
//! Los tiempos son microsegundos desde la primera línea. Los bytes van en hexadecimal, dos cifras
//! por byte, y solo los primeros.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

/// La versión de este formato.
pub const VERSION: u32 = 1;

/// Una línea de una grabación.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "lowercase")]
#[expect(missing_docs, reason = "los campos se explican en el tipo de cada línea")]
pub enum Record {
    /// La primera.
    Recording(Header),
    /// El código de un archivo del que hay llamadas.
    Source { file: String, text: String },
    /// Empieza un hilo (o un proceso, si `process`), y quién lo creó.
    Thread { us: u64, thread: u32, parent: u32, process: bool, name: Option<String> },
    /// Una llamada al sistema.
    Call(Box<Call>),
    /// Lo que guarda el núcleo.
    Sample(Sample),
    /// Llegó una señal: `SIGINT`.
    Signal { us: u64, thread: u32, signal: String },
    /// Terminó: con un código o por una señal (`SIGINT`).
    Exit { us: u64, thread: u32, code: Option<i32>, signal: Option<String> },
    /// Aquí faltan tantas llamadas.
    Omitted { us: u64, count: u64 },
}

/// Escribe una grabación. Errores: los de escribir.
pub fn write<'a>(
    mut file: impl Write,
    records: impl IntoIterator<Item = &'a Record>,
) -> io::Result<()> {
    for record in records {
        serde_json::to_writer(&mut file, record)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Qué se grabó.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// La versión del formato: [`VERSION`].
    pub version: u32,
    /// La orden, con sus argumentos.
    pub command: Vec<String>,
    /// Cuándo empezó: segundos desde 1970.
    pub started: u64,
}

/// Una llamada al sistema de un hilo. Los campos que no hacen falta no están.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// Cuándo empezó.
    pub us: u64,
    /// Cuánto duró. Sin él, no ha terminado: el hilo sigue dormido en ella.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<u64>,
    /// Si se vio dormir al hilo en ella: que tardara no basta, la máquina puede estar ocupada.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub slept: bool,
    /// El hilo: 1, el que empezó; los demás, por orden de aparición.
    pub thread: u32,
    /// El nombre que le da el núcleo: `recvfrom`, `pselect6`…
    pub call: String,
    /// El descriptor sobre el que se llama.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fd: Option<i32>,
    /// De qué cliente es: 1, el primero que se aceptó. No se reutiliza.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<u64>,
    /// Lo que devolvió, si no falló: bytes, descriptores listos, el descriptor nuevo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<i64>,
    /// El error, por su nombre: `EAGAIN`. `ERESTART`, si la cortó una señal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Cuántos bytes se querían escribir, o cuántos cabían al leer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<u64>,
    /// Los primeros bytes que viajaron, en hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// De bind(2), listen(2) y accept(2): la dirección en la que se escucha, `127.0.0.1:8800`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<String>,
    /// De accept(2) y connect(2): la del otro extremo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Lo que se pide vigilar a select(2) o a poll(2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub watch: Vec<Interest>,
    /// El primer argumento de select(2): el mayor descriptor, más uno.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nfds: Option<i64>,
    /// Cuánto puede dormir, en milisegundos. Sin él, lo que haga falta.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Lo que resultó listo, y para qué.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Interest>,
    /// De epoll_ctl(2): `ADD`, `MOD` o `DEL`. De shutdown(2): `SHUT_WR`… De setsockopt(2): la opción.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
    /// De epoll_ctl(2): el descriptor, y para qué se vigila.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Interest>,
    /// De listen(2): cuántas conexiones pueden esperar a que se acepten.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<i64>,
    /// Dónde, en el código: primero, la función que llamó; después, quien la llamó a ella.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub at: Vec<Place>,
}

impl Call {
    /// Si lee de la entrada estándar, y no de un socket.
    pub fn is_of_stdin(&self) -> bool {
        self.fd == Some(0) && self.client.is_none()
    }

    /// Si la cortó una señal.
    pub fn is_cut(&self) -> bool {
        self.error.as_deref() == Some("ERESTART")
    }

    /// Los primeros bytes que viajaron.
    pub fn first_bytes(&self) -> Vec<u8> {
        let digits = self.bytes.as_deref().unwrap_or_default().as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
        digits.filter_map(byte).collect()
    }
}

/// Un descriptor y para qué se vigila, o está listo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interest {
    /// El descriptor.
    pub fd: i32,
    /// De select(2): `leer`, `escribir`, `excepción`. De los demás, sus nombres: `EPOLLIN|EPOLLOUT`.
    pub events: String,
    /// El dato que epoll devuelve con él.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<u64>,
}

/// Un sitio del código.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// La función, si se sabe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// El archivo, si se sabe: desde la carpeta en la que se grabó.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// La línea, desde 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Lo que guarda el núcleo en un momento.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// Cuándo se miró.
    pub us: u64,
    /// Los sockets de TCP del servidor: `/proc/net/tcp`.
    pub sockets: Vec<Socket>,
    /// Lo que vigila cada epoll: `/proc/PID/fdinfo/FD`.
    pub epolls: Vec<Epoll>,
}

/// Un socket, como lo ve el núcleo.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Socket {
    /// Su descriptor.
    pub fd: i32,
    /// De qué proceso, por su primer hilo; si falta, del 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// Su dirección.
    pub local: String,
    /// La del otro extremo; ninguna, si escucha.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Su estado: `ESTABLISHED`, `LISTEN`, `CLOSE_WAIT`…
    pub state: String,
    /// Bytes que llegaron y nadie ha leído; si escucha, conexiones sin aceptar.
    pub incoming: u64,
    /// Bytes escritos que el otro extremo no ha confirmado.
    pub outgoing: u64,
    /// Bytes que esperan en el otro extremo a que los lea, si está en esta máquina.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beyond: Option<u64>,
}

/// Lo que vigila un epoll.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Epoll {
    /// Su descriptor.
    pub fd: i32,
    /// De qué proceso, por su primer hilo; si falta, del 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<u32>,
    /// A quién, y para qué.
    pub watch: Vec<Interest>,
}
