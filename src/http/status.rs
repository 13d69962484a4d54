//! Con qué código se responde, y por qué no se atiende una petición.

/// Código y frase de la primera línea de una respuesta (RFC 9110 §15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Tres cifras.
    pub code: u16,
    /// La frase que la acompaña.
    pub phrase: &'static str,
}

impl Status {
    /// 200: todo fue bien.
    pub const OK: Status = Status { code: 200, phrase: "OK" };
    /// 400: la petición está mal escrita.
    pub const BAD_REQUEST: Status = Status { code: 400, phrase: "Bad Request" };
    /// 405: el método existe, pero aquí no se atiende.
    pub const METHOD_NOT_ALLOWED: Status = Status { code: 405, phrase: "Method Not Allowed" };
    /// 408: la petición no llegó entera a tiempo.
    pub const REQUEST_TIMEOUT: Status = Status { code: 408, phrase: "Request Timeout" };
    /// 413: el cuerpo es demasiado grande.
    pub const CONTENT_TOO_LARGE: Status = Status { code: 413, phrase: "Content Too Large" };
    /// 431: la cabecera es demasiado grande.
    pub const FIELDS_TOO_LARGE: Status =
        Status { code: 431, phrase: "Request Header Fields Too Large" };
    /// 501: el método, o la codificación del cuerpo, no se conoce.
    pub const NOT_IMPLEMENTED: Status = Status { code: 501, phrase: "Not Implemented" };
    /// 505: otra versión de HTTP.
    pub const VERSION_NOT_SUPPORTED: Status =
        Status { code: 505, phrase: "HTTP Version Not Supported" };
}

/// Por qué no se atiende una petición. Tras ella la conexión se cierra: ya no se sabe dónde
/// empezaría la siguiente.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Con qué código se responde.
    pub status: Status,
    /// La razón, en una línea.
    pub reason: &'static str,
}

impl Refusal {
    /// Venció su plazo.
    pub const TIMEOUT: Refusal = Refusal {
        status: Status::REQUEST_TIMEOUT,
        reason: "la petición no llegó entera a tiempo",
    };
}

pub(super) const fn bad(reason: &'static str) -> Refusal {
    Refusal { status: Status::BAD_REQUEST, reason }
}

pub(super) const fn too_large(reason: &'static str) -> Refusal {
    Refusal { status: Status::FIELDS_TOO_LARGE, reason }
}
