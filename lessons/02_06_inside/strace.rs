//! Lo que escribe strace(1), leído: qué llamada al sistema empieza, cuál termina y cómo, y desde qué
//! sitio del programa.
//!
//! Entiende `strace -f -yy -ttt -T`, con `-k` o sin él: cada línea lleva el hilo, el momento y lo que
//! duró, y cada descriptor, lo que es. No sabe qué significa una llamada: eso es de [`calls`].
//!
//! [`calls`]: crate::calls

pub(crate) mod fields;

use std::collections::BTreeMap;

/// Algo que strace vio.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Una llamada que aún no ha terminado. Puede llegar más de una vez, cada vez más entera.
    Begun(Call),
    /// Una llamada que terminó.
    Ended(Call),
    /// Desde dónde se hizo la última que terminó: llegan de dentro afuera.
    Frame(Frame),
    /// Una señal, por su nombre.
    Signal {
        /// A qué hilo le llegó.
        thread: u32,
        /// Cuándo, en microsegundos desde 1970.
        at: u64,
        /// `SIGINT`.
        name: String,
    },
    /// Un hilo que terminó: con un código, o por una señal.
    Exited {
        /// Cuál.
        thread: u32,
        /// Cuándo, en microsegundos desde 1970.
        at: u64,
        /// Con qué código.
        code: Option<i32>,
        /// Por qué señal.
        signal: Option<String>,
    },
}

/// Una llamada al sistema de un hilo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// El hilo, por su número en el núcleo.
    pub thread: u32,
    /// Cuándo empezó, en microsegundos desde 1970.
    pub at: u64,
    /// Cuántos duró, si ya terminó.
    pub took: Option<u64>,
    /// El nombre que le da el núcleo.
    pub name: String,
    /// Sus argumentos, como los escribe strace; si aún no ha terminado, los que se conozcan.
    pub arguments: String,
    /// Lo que dio, si ya terminó.
    pub outcome: Option<Outcome>,
}

impl Call {
    /// Si terminó, y no falló.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Gave(..)))
    }
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

/// Una función del programa que estaba a medias durante una llamada.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// El ejecutable o la biblioteca.
    pub object: String,
    /// La función, si strace la encontró.
    pub function: Option<String>,
    /// En qué byte del archivo `object` está la instrucción a la que se volverá.
    pub offset: u64,
}

/// Junta las líneas, que llegan a trozos y pueden estar partidas en dos.
#[derive(Debug, Default)]
pub struct Reader {
    /// Lo que ha llegado de la línea que falta por terminar.
    pending: Vec<u8>,
    /// Las llamadas que un hilo empezó y no ha terminado.
    open: BTreeMap<u32, Call>,
}

impl Reader {
    /// Un trozo más, según llegó. strace no termina una línea hasta que termina la llamada: la que
    /// queda a medias es también un suceso.
    pub fn feed(&mut self, piece: &[u8]) -> Vec<Event> {
        self.pending.extend(piece);
        let end = self.pending.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<_> = self.pending.drain(..end).collect();
        let whole = String::from_utf8_lossy(&whole);
        let mut events: Vec<_> = whole.lines().filter_map(|line| self.line(line)).collect();
        let rest = String::from_utf8_lossy(&self.pending);
        events.extend(begun(&rest).map(Event::Begun));
        events
    }

    /// Entiende una línea entera.
    pub(crate) fn line(&mut self, line: &str) -> Option<Event> {
        if let Some(frame) = line.trim_start().strip_prefix("> ") {
            return frame_in(frame).map(Event::Frame);
        }
        let (thread, at, rest) = header(line)?;
        if let Some(rest) = rest.strip_prefix("--- ") {
            let name = rest.split_whitespace().next()?.to_owned();
            return Some(Event::Signal { thread, at, name });
        }
        if let Some(rest) = rest.strip_prefix("+++ ") {
            self.open.remove(&thread);
            let number = rest.strip_prefix("exited with ").and_then(|rest| rest.split(' ').next());
            let signal = rest.strip_prefix("killed by ").and_then(|rest| rest.split(' ').next());
            let code = number.and_then(|number| number.parse().ok());
            return Some(Event::Exited { thread, at, code, signal: signal.map(str::to_owned) });
        }
        self.call(thread, at, rest)
    }

    fn call(&mut self, thread: u32, at: u64, rest: &str) -> Option<Event> {
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
            return Some(Event::Begun(call));
        }
        let (arguments, result) = call.arguments.rsplit_once(" = ")?;
        // Lo que duró va al final: `= 5 <0.000012>`.
        let timed = result.strip_suffix('>').and_then(|rest| rest.rsplit_once(" <"));
        let (result, took) = timed.unwrap_or((result, "0"));
        call.took = Some(micros(took).unwrap_or(0));
        call.outcome = Some(outcome(result));
        call.arguments = String::from(arguments.trim_end().trim_end_matches(')'));
        Some(Event::Ended(call))
    }
}

/// Una línea a medias: strace la escribe así mientras dura la llamada.
fn begun(line: &str) -> Option<Call> {
    let (thread, at, rest) = header(line)?;
    call(thread, at, rest)
}

/// El hilo, el momento y lo demás.
fn header(line: &str) -> Option<(u32, u64, &str)> {
    let (thread, rest) = line.trim_start().split_once(' ')?;
    let (at, rest) = rest.trim_start().split_once(' ')?;
    Some((thread.parse().ok()?, micros(at)?, rest))
}

/// Segundos con decimales, en microsegundos.
fn micros(text: &str) -> Option<u64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction: u64 = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    Some(seconds.parse::<u64>().ok()? * 1_000_000 + fraction)
}

fn call(thread: u32, at: u64, text: &str) -> Option<Call> {
    let (name, arguments) = text.split_once('(')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return None;
    }
    let (name, arguments) = (name.to_owned(), arguments.to_owned());
    Some(Call { thread, at, took: None, name, arguments, outcome: None })
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

/// `/lib/libc.so.6(accept4+0x13) [0x10af63]`.
fn frame_in(text: &str) -> Option<Frame> {
    let (rest, offset) = text.trim_end().strip_suffix(']')?.rsplit_once(" [0x")?;
    let (object, function) = rest.strip_suffix(')')?.split_once('(')?;
    let function = function.rsplit_once("+0x").map(|(name, _)| name.to_owned());
    let offset = u64::from_str_radix(offset, 16).ok()?;
    Some(Frame { object: object.to_owned(), function, offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(event: Option<Event>) -> Call {
        match event {
            Some(Event::Ended(call)) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn una_llamada_de_una_línea() {
        let line = "7 12.5 recvfrom(4<TCP:[1]>, \"\\302\\241ay\\r\\n\", 8192, 0, NULL, NULL) = 6 <0.000012>";
        let call = ended(Reader::default().line(line));
        assert_eq!((call.thread, call.at, call.took), (7, 12_500_000, Some(12)));
        assert_eq!(call.name, "recvfrom");
        assert_eq!(call.outcome, Some(Outcome::Gave(6, String::new())));
    }

    #[test]
    fn una_llamada_partida_en_dos_por_otro_hilo() {
        let mut reader = Reader::default();
        let began = reader.line("1 1.0 accept4(3<TCP:[127.0.0.1:8802]>,  <unfinished ...>");
        let Some(Event::Begun(began)) = began else { panic!("{began:?}") };
        assert_eq!(began.arguments, "3<TCP:[127.0.0.1:8802]>,");
        let line = "1 2.0 <... accept4 resumed>{sa_family=AF_INET}, [16], SOCK_CLOEXEC) = 5<TCP:[127.0.0.1:8802->127.0.0.1:9]> <1.500000>";
        let call = ended(reader.line(line));
        assert_eq!((call.at, call.took), (1_000_000, Some(1_500_000)));
        assert!(matches!(call.outcome, Some(Outcome::Gave(5, _))));
    }

    #[test]
    fn una_línea_que_llega_a_trozos_y_la_que_está_a_medias() {
        let mut reader = Reader::default();
        assert_eq!(reader.feed(b"1 1.0 clo"), []);
        let events = reader.feed(b"se(3) = 0 <0.1>\n1 1.5 epoll_wait(4<anon_inode:[eventpoll]>, ");
        let [Event::Ended(close), Event::Begun(wait)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((close.name.as_str(), close.took), ("close", Some(100_000)));
        assert_eq!(wait.arguments, "4<anon_inode:[eventpoll]>, ");
    }

    #[test]
    fn lo_que_falla_y_lo_que_corta_una_señal() {
        let mut reader = Reader::default();
        let failed = "1 1.0 accept4(3<TCP:[1]>, 0x7, [128], 0) = -1 EAGAIN (Resource temporarily unavailable)";
        assert_eq!(ended(reader.line(failed)).outcome, Some(Outcome::Failed("EAGAIN".to_owned())));
        let cut = "1 1.0 pselect6(4, [3]) = ? ERESTARTNOHAND (To be restarted)";
        assert_eq!(ended(reader.line(cut)).outcome, Some(Outcome::Cut));
    }

    #[test]
    fn señales_finales_y_sitios() {
        let mut reader = Reader::default();
        let signal = reader.line("1 1.0 --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---");
        let name = "SIGTERM".to_owned();
        assert_eq!(signal, Some(Event::Signal { thread: 1, at: 1_000_000, name }));
        let exited = |code, signal| Event::Exited { thread: 1, at: 1_000_000, code, signal };
        assert_eq!(reader.line("1 1.0 +++ exited with 3 +++"), Some(exited(Some(3), None)));
        let killed = Some("SIGKILL".to_owned());
        assert_eq!(reader.line("1 1.0 +++ killed by SIGKILL +++"), Some(exited(None, killed)));
        let frame =
            reader.line(" > /a/b(<std::net::TcpStream as std::io::Read>::read+0x12) [0x221a62]");
        let Some(Event::Frame(frame)) = frame else { panic!("{frame:?}") };
        let function = "<std::net::TcpStream as std::io::Read>::read";
        assert_eq!((frame.object.as_str(), frame.offset), ("/a/b", 0x22_1a62));
        assert_eq!(frame.function.as_deref(), Some(function));
    }
}
