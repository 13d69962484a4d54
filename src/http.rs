//! Lo justo de HTTP/1.1 para no equivocarse: dónde acaba una petición y cómo se escribe una
//! respuesta (RFC 9112). La sintaxis de los campos la comprueba `httparse`.

mod body;
mod fields;
#[cfg(test)]
mod grammar;
mod head;
mod line;
mod response;
mod status;
mod target;

pub use body::{Body, Chunk, MAX_BODY};
pub use fields::Persistence;
pub use head::{Method, Request, end_of_head, leading_blank, parse_head};
pub use line::MAX_HEAD;
pub use response::Response;
pub use status::{Refusal, Status};
