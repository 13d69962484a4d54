//! Leer la cabecera de una petición, y escribir una respuesta.

use std::time::SystemTime;

use multiplexacion::http::{MAX_HEAD, Persistence, Response, Status, end_of_head, leading_blank};

/// Con tantos bytes de respuestas por escribir, no se responde a ninguna petición más.
pub const MAX_QUEUED: usize = 16 * 1024;

/// La cabecera de una petición.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// GET, HEAD, POST…
    pub method: String,
    /// La ruta.
    pub target: String,
    /// La última cifra de la versión: 0 o 1.
    pub minor: u8,
    fields: Vec<(String, String)>,
}

impl Request {
    /// La petición con la que empieza `input`, y cuántos bytes ocupa su cabecera; nada, si aún no
    /// está entera. El error es la respuesta que merece lo que no se entiende.
    pub fn read(input: &[u8]) -> Result<Option<(Request, usize)>, Status> {
        // Las líneas vacías que van delante se pasan por alto (RFC 9112 §2.2).
        let blank = leading_blank(input);
        let input = &input[blank..];
        match end_of_head(input) {
            Some(end) if end <= MAX_HEAD => {
                Request::parse(&input[..end]).map(|request| Some((request, blank + end)))
            }
            None if input.len() < MAX_HEAD => Ok(None),
            _ => Err(Status::FIELDS_TOO_LARGE),
        }
    }

    fn parse(head: &[u8]) -> Result<Request, Status> {
        let text = str::from_utf8(head).map_err(|_| Status::BAD_REQUEST)?;
        let mut lines = text.lines();
        let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [method, target, version] = words[..] else { return Err(Status::BAD_REQUEST) };
        let minor = match version {
            "HTTP/1.0" => 0,
            "HTTP/1.1" => 1,
            _ => return Err(Status::VERSION_NOT_SUPPORTED),
        };
        if !target.starts_with('/') {
            return Err(Status::BAD_REQUEST);
        }
        let fields = lines.take_while(|line| !line.is_empty()).map(field);
        let fields = fields.collect::<Option<_>>().ok_or(Status::BAD_REQUEST)?;
        let (method, target) = (method.to_owned(), target.to_owned());
        let request = Request { method, target, minor, fields };
        // Uno, y solo uno; en HTTP/1.0 puede faltar (RFC 9112 §3.2).
        let hosts = request.values("host").count();
        if hosts > 1 || (minor == 1 && hosts == 0) {
            return Err(Status::BAD_REQUEST);
        }
        // Aquí un cuerpo solo se mide de una manera. La otra, a trozos, está en la lección.
        if request.values("transfer-encoding").next().is_some() {
            return Err(Status::NOT_IMPLEMENTED);
        }
        Ok(request)
    }

    /// Los valores de los campos que se llaman así; en los nombres no importan las mayúsculas.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let same = move |field: &&(String, String)| field.0.eq_ignore_ascii_case(name);
        self.fields.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// La respuesta, que repite lo que se pidió. Dice también si la conexión sigue.
    pub fn response(&self, persistence: Persistence) -> Vec<u8> {
        let body = format!("{} {}\n", self.method, self.target);
        let with_body = self.method != "HEAD";
        Response { status: Status::OK, body: &body, with_body, persistence }
            .encode(SystemTime::now())
    }
}

/// `Nombre: valor`. Sin espacio ante los dos puntos (RFC 9112 §5.1).
fn field(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    valid.then(|| (name.to_owned(), value.trim().to_owned()))
}

/// La respuesta que recibe, antes de que se le eche, quien envió algo que no se entiende.
pub fn refusal(status: Status) -> Vec<u8> {
    let (body, persistence) = (format!("{} {}\n", status.code, status.phrase), Persistence::Close);
    Response { status, body: &body, with_body: true, persistence }.encode(SystemTime::now())
}
