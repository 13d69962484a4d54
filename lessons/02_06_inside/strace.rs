//! Lo que escribe strace(1), leído: qué llamada al sistema empieza, y cuál termina y cómo.
//!
//! Entiende `strace -f -yy -ttt -T`: cada línea lleva el hilo, el momento y lo que duró, y cada
//! descriptor, lo que es. No sabe qué significa una llamada: eso es de quien la cuenta.

use std::collections::BTreeMap;
use std::net::SocketAddr;

/// Una llamada al sistema de un hilo.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// El hilo, por su número en el núcleo.
    pub thread: u32,
    /// Cuándo terminó o, si no ha terminado, cuándo empezó; en segundos.
    pub at: f64,
    /// El nombre que le da el núcleo.
    pub name: String,
    /// Sus argumentos, como los escribe strace; si aún no ha terminado, los que se conozcan.
    pub arguments: String,
    /// Lo que dio, si ya terminó.
    pub outcome: Option<Outcome>,
}

/// Lo que dio una llamada.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Un número, y lo que strace explica de él: `4<TCP:…>`, `1 (in [3])`.
    Gave(i64, String),
    /// El nombre de un error: `EAGAIN`.
    Failed(String),
    /// La cortó una señal, y se repetirá o no.
    Cut,
}

/// Un descriptor y lo que es.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Su número.
    pub number: i32,
    /// `TCP:[127.0.0.1:8802->127.0.0.1:40000]`.
    pub what: String,
}

/// Junta las líneas, que pueden llegar a trozos y estar partidas en dos.
#[derive(Debug, Default)]
pub struct Reader {
    /// Las que un hilo empezó y no ha terminado.
    open: BTreeMap<u32, Call>,
}

impl Reader {
    /// Entiende una línea entera: la llamada que termina con ella o, si otro hilo se cruza, la que
    /// empieza.
    pub fn read(&mut self, line: &str) -> Option<Call> {
        let (thread, at, rest) = header(line)?;
        let mut call = match rest.strip_prefix("<... ") {
            Some(rest) => {
                let (_, rest) = rest.split_once(" resumed>")?;
                let mut call = self.open.remove(&thread)?;
                call.arguments.push_str(rest);
                call
            }
            None => call(thread, at, rest)?,
        };
        if let Some(start) = call.arguments.strip_suffix("<unfinished ...>") {
            call.arguments = String::from(start.trim_end());
            self.open.insert(thread, call.clone());
            return Some(call);
        }
        let (arguments, result) = call.arguments.rsplit_once(" = ")?;
        // Lo que duró va al final: `= 5 <0.000012>`.
        let timed = result.strip_suffix('>').and_then(|rest| rest.rsplit_once(" <"));
        let (result, took) = timed.unwrap_or((result, "0"));
        call.at += took.parse().unwrap_or(0.0);
        call.outcome = Some(outcome(result));
        call.arguments = String::from(arguments.trim_end().trim_end_matches(')'));
        Some(call)
    }

    /// Entiende una línea a medias: strace la escribe así mientras dura la llamada.
    pub fn begun(line: &str) -> Option<Call> {
        let (thread, at, rest) = header(line)?;
        call(thread, at, rest)
    }
}

/// El hilo, el momento y lo demás.
fn header(line: &str) -> Option<(u32, f64, &str)> {
    let (thread, rest) = line.split_once(' ')?;
    let (at, rest) = rest.trim_start().split_once(' ')?;
    Some((thread.parse().ok()?, at.parse().ok()?, rest))
}

fn call(thread: u32, at: f64, text: &str) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    Some(Call { thread, at, name: name.to_owned(), arguments: arguments.to_owned(), outcome: None })
}

fn outcome(result: &str) -> Outcome {
    let (number, rest) = result.split_at(
        result
            .find(|letter: char| !letter.is_ascii_digit() && letter != '-')
            .unwrap_or(result.len()),
    );
    match number.parse() {
        Ok(-1) => Outcome::Failed(rest.split_whitespace().next().unwrap_or_default().to_owned()),
        Ok(number) => Outcome::Gave(number, rest.trim_start().to_owned()),
        Err(_) => Outcome::Cut,
    }
}

/// El descriptor con el que empieza `text`: `3<TCP:[127.0.0.1:8802]>, …`.
pub fn descriptor(text: &str) -> Option<Descriptor> {
    let (number, rest) = text.split_once('<')?;
    let number = number.trim().parse().ok()?;
    // Dentro hay flechas: `[uno->otro]`.
    let end = rest.find("]>").map(|at| at + 1).or_else(|| rest.find('>'))?;
    Some(Descriptor { number, what: rest[..end].to_owned() })
}

/// Los descriptores entre corchetes de cada conjunto: `[3<TCP:…> 4<…>]`, o `in [3 4], out [5]`.
pub fn set(text: &str, title: &str) -> Vec<i32> {
    let Some((_, rest)) = text.split_once(&format!("{title} [")) else { return Vec::new() };
    let inside = rest.split(']').next().unwrap_or_default();
    inside.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

impl Descriptor {
    /// Si es un socket de TCP.
    pub fn is_tcp(&self) -> bool {
        self.what.starts_with("TCP")
    }

    /// Si es el que escucha: tiene dirección propia, y no la de otro.
    pub fn is_listener(&self) -> bool {
        self.is_tcp() && !self.what.contains("->")
    }

    /// Con quién está conectado.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.what.split_once("->")?.1.trim_end_matches(']').parse().ok()
    }
}

/// El primer texto entre comillas de `arguments`, con sus bytes de verdad, y si strace lo abrevió.
pub fn text(arguments: &str) -> Option<(Vec<u8>, bool)> {
    let (_, rest) = arguments.split_once('"')?;
    let mut bytes = Vec::new();
    let mut letters = rest.bytes().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            b'"' => break,
            b'\\' => match letters.next()? {
                digit @ b'0'..=b'7' => {
                    let mut value = u32::from(digit - b'0');
                    for _ in 0..2 {
                        let Some(next) = letters.next_if(|next| (b'0'..=b'7').contains(next))
                        else {
                            break;
                        };
                        value = value * 8 + u32::from(next - b'0');
                    }
                    bytes.push(u8::try_from(value).unwrap_or(b'?'));
                }
                other => bytes.push(match other {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'v' => 0x0B,
                    b'f' => 0x0C,
                    _ => other,
                }),
            },
            _ => bytes.push(letter),
        }
    }
    Some((bytes, letters.next() == Some(b'.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn una_llamada_de_una_línea() {
        let line = "7 12.5 recvfrom(4<TCP:[127.0.0.1:8802->127.0.0.1:44056]>, \"\\302\\241ay\\r\\n\", 8192, 0, NULL, NULL) = 6";
        let call = Reader::default().read(line).unwrap();
        assert_eq!((call.thread, call.name.as_str()), (7, "recvfrom"));
        assert_eq!(call.outcome, Some(Outcome::Gave(6, String::new())));
        let socket = descriptor(&call.arguments).unwrap();
        assert_eq!((socket.number, socket.peer()), (4, "127.0.0.1:44056".parse().ok()));
        assert_eq!(text(&call.arguments), Some(("¡ay\r\n".into(), false)));
        assert_eq!(text("4, \"GET \"..., 900"), Some((b"GET ".to_vec(), true)));
    }

    #[test]
    fn una_llamada_partida_en_dos_por_otro_hilo() {
        let mut reader = Reader::default();
        let began =
            reader.read("1 1.0 accept4(3<TCP:[127.0.0.1:8802]>,  <unfinished ...>").unwrap();
        assert_eq!(began.outcome, None);
        assert!(descriptor(&began.arguments).unwrap().is_listener());
        let line = "1 2.0 <... accept4 resumed>{sa_family=AF_INET}, [16], SOCK_CLOEXEC) = 5<TCP:[127.0.0.1:8802->127.0.0.1:9]> <1.500000>";
        let ended = reader.read(line).unwrap();
        assert_eq!((ended.at.to_string().as_str(), ended.name.as_str()), ("2.5", "accept4"));
        assert!(matches!(ended.outcome, Some(Outcome::Gave(5, _))));
    }

    #[test]
    fn lo_que_falla_lo_que_corta_una_señal_y_lo_que_aún_no_termina() {
        let mut reader = Reader::default();
        let mut outcome = |line: &str| reader.read(line).unwrap().outcome;
        let failed = "1 1.0 accept4(3<TCP:[1]>, 0x7, [128], 0) = -1 EAGAIN (Resource temporarily unavailable)";
        assert_eq!(outcome(failed), Some(Outcome::Failed("EAGAIN".to_owned())));
        assert_eq!(
            outcome("1 1.0 pselect6(4, [3]) = ? ERESTARTNOHAND (To be restarted)"),
            Some(Outcome::Cut)
        );
        assert_eq!(
            Reader::begun("1 1.0 epoll_wait(4<anon_inode:[eventpoll]>, ").unwrap().outcome,
            None
        );
        assert_eq!(reader.read("1 1.0 --- SIGTERM {si_signo=SIGTERM} ---"), None);
    }

    #[test]
    fn lo_listo_para_select() {
        assert_eq!(set("(in [3 4], out [5])", "in"), [3, 4]);
        assert_eq!(set("(in [3 4], out [5])", "out"), [5]);
        assert!(set("(Timeout)", "in").is_empty());
    }
}
