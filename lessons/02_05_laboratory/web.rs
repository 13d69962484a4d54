//! La web de la lección 02_04, medida por lo que es: al lado del suelo y de otros servidores.
//!
//! Todos responden lo mismo, en un solo hilo, a las mismas conexiones. Se miden por turnos: lo que
//! importa son los cocientes dentro de una misma ronda.

pub(crate) mod floor;

use std::fs;
use std::io;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use harness::tools::{found, installed};
use multiplexacion::cli::{Trouble, complain};
use multiplexacion::stop::Stop;

use crate::cores::Cores;
use crate::generator::{Crowd, Lost, Talk};
use crate::machine::{Machine, fitting};
use crate::programs::{COURSE, LESSON, lesson, peers};
use crate::results::{Case, Kind, Report, Row, Values};
use crate::rounds;
use crate::subject::Subject;
use crate::wording::lossy;

/// Veces que se repite cada medida si no se pide otra cosa.
pub(crate) const ROUNDS: usize = 15;

/// Conexiones que piden a la vez.
const CONNECTIONS: usize = 64;

/// Cuánto se espera la primera respuesta.
const PATIENCE: Duration = Duration::from_secs(5);

/// Cuánto dura cada turno.
const TURN: Duration = Duration::from_millis(150);

/// Peticiones que se envían juntas cuando van encadenadas.
pub(crate) const DEPTH: usize = 16;

/// Conexiones calladas con las que se mide la memoria.
const IDLE: usize = 4000;

/// El que se compara con todos.
pub(crate) const OURS: &str = "aplic_02_04";

/// Conexiones calladas con las que se mide la memoria en `machine`.
pub(crate) fn idle(machine: &Machine) -> usize {
    fitting(IDLE, machine.descriptors)
}

/// Alguien a quien medir: su nombre y cómo se arranca.
struct Contender {
    name: &'static str,
    start: Box<Start>,
}

type Start = dyn Fn(&Cores) -> io::Result<Subject>;

/// Mide a todos los que haya, `rounds` veces.
pub(crate) fn measure(rounds: usize, cores: &Cores, stop: &Stop) -> Result<Report, Trouble> {
    let contenders = contenders()?;
    let machine = Machine::this_one(cores);
    let idle = idle(&machine);
    let mut report = Report::new(Kind::Web, "cargo lab web", machine, rounds);
    let case = |contender: &Contender| Case::new(contender.name, CONNECTIONS, CONNECTIONS);
    report.rows = contenders.iter().map(|contender| Row::new(case(contender))).collect();
    let mut rivals: Vec<Option<Rival>> = contenders.iter().map(|_| None).collect();
    // Dos turnos y, la primera vez, su memoria y otros dos que no cuentan.
    let turns = move |_: &Case| TURN * 5 / 2;
    rounds::repeat(&mut report, stop, turns, move |place| {
        let mut values = Values::new();
        let rival = match &mut rivals[place] {
            Some(rival) => rival,
            none => {
                values.push(("bytes_per_connection", memory(&contenders[place], idle, cores)?));
                none.insert(Rival::start(&contenders[place], cores)?)
            }
        };
        values.extend([("plain_ns", rival.cost(1)?), ("pipelined_ns", rival.cost(DEPTH)?)]);
        Ok(values)
    });
    Ok(report)
}

/// Un servidor en marcha y sus visitantes, que piden en cuanto reciben.
struct Rival {
    subject: Subject,
    visitors: Crowd,
    request: Talk,
}

impl Rival {
    fn start(contender: &Contender, cores: &Cores) -> Result<Rival, Lost> {
        let subject = (contender.start)(cores)?;
        let request = request(subject.address())?;
        let visitors =
            Crowd::talking(request.clone(), subject.address(), CONNECTIONS, CONNECTIONS)?;
        let mut rival = Rival { subject, visitors, request };
        // La primera vuelta, de cada manera, no cuenta.
        rival.cost(1)?;
        rival.cost(DEPTH)?;
        Ok(rival)
    }

    /// Un turno, de `depth` en `depth` peticiones: procesador por petición, en nanosegundos.
    fn cost(&mut self, depth: usize) -> Result<f64, Lost> {
        let Talk { said, answer, .. } = &self.request;
        let batch =
            Talk { said: said.repeat(depth), answer: answer * depth, ..self.request.clone() };
        self.visitors.change(batch);
        let before = self.subject.cpu()?;
        let answered = self.visitors.saturate(TURN)?.messages.max(1) * depth as u64;
        let used = self.subject.cpu()?.saturating_sub(before);
        Ok(used.as_secs_f64() * 1e9 / lossy(answered))
    }
}

/// Memoria residente por conexión, con muchas que ya preguntaron y callan.
fn memory(contender: &Contender, idle: usize, cores: &Cores) -> Result<f64, Lost> {
    let subject = (contender.start)(cores)?;
    let request = request(subject.address())?;
    let before = subject.resident()?;
    let crowd = Crowd::talking(request, subject.address(), idle, 1)?;
    let after = subject.resident()?;
    drop(crowd);
    Ok(lossy(after.saturating_sub(before)) / lossy(idle as u64))
}

/// Una petición y lo que mide su respuesta: siempre lo mismo, porque siempre es la misma.
fn request(address: SocketAddr) -> io::Result<Talk> {
    let said = format!("GET / HTTP/1.1\r\nHost: {address}\r\n\r\n").into_bytes();
    let ending = "EpollServer!\n".as_bytes();
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&said)?;
    let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(ending) {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(&buffer[..count]),
        }
    }
    Ok(Talk { said, answer: answer.len(), ending: ending.to_vec(), awake: true })
}

fn contenders() -> Result<Vec<Contender>, Trouble> {
    let ours = lesson(OURS)?;
    let itself = std::env::current_exe()?;
    let mut contenders =
        vec![announcing(OURS, ours, &["--port", "0"]), announcing("el suelo", itself, &["suelo"])];
    if let Some(folder) = peers() {
        contenders.push(announcing("hyper", folder.join("par_hyper"), &[]));
        contenders.push(told("may_minihttp", move |port| {
            let mut command = Command::new(folder.join("par_may"));
            command.arg(port.to_string());
            Ok(command)
        }));
    }
    if installed("nginx") {
        contenders.push(told("nginx", nginx));
    } else {
        complain("nginx no está instalado: se mide sin él.");
    }
    if installed("python3") {
        let script = Path::new(LESSON).join("pares/web.py");
        contenders.push(announcing("Python", "python3".into(), &[&script.to_string_lossy()]));
    } else {
        complain("python3 no está instalado: se mide sin él.");
    }
    Ok(contenders)
}

fn announcing(name: &'static str, program: PathBuf, arguments: &[&str]) -> Contender {
    let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
    Contender {
        name,
        start: Box::new(move |cores| {
            let mut command = Command::new(&program);
            command.args(&arguments);
            Subject::announcing(command, cores)
        }),
    }
}

fn told(name: &'static str, command: impl Fn(u16) -> io::Result<Command> + 'static) -> Contender {
    Contender { name, start: Box::new(move |cores| Subject::told(&command, cores)) }
}

/// Un nginx de un solo proceso, que guarda todo en la carpeta de los informes.
fn nginx(port: u16) -> io::Result<Command> {
    let folder = Path::new(COURSE).join("laboratorio/nginx");
    fs::create_dir_all(&folder)?;
    let folder = folder.canonicalize()?;
    let place = folder.display();
    let configuration = folder.join("nginx.conf");
    fs::write(
        &configuration,
        format!(
            "daemon off;\nmaster_process off;\npid {place}/nginx.pid;\nerror_log /dev/null crit;\n\
             worker_rlimit_nofile 20000;\nevents {{ worker_connections 16384; use epoll; }}\nhttp {{\n\
             access_log off;\nkeepalive_requests 1000000000;\nkeepalive_timeout 300s;\ntcp_nodelay on;\n\
             client_body_temp_path {place};\nproxy_temp_path {place};\nfastcgi_temp_path {place};\n\
             uwsgi_temp_path {place};\nscgi_temp_path {place};\ndefault_type \"text/plain; charset=utf-8\";\n\
             server {{ listen 127.0.0.1:{port}; location / {{ return 200 \"¡Hola desde EpollServer!\\n\"; }} }}\n}}\n"
        ),
    )?;
    let mut command = Command::new(found("nginx").unwrap_or_else(|| "nginx".into()));
    command.arg("-e").arg("/dev/null").arg("-c").arg(configuration);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;

    #[test]
    fn el_suelo_responde_a_todas_las_peticiones_de_una_en_una_y_encadenadas() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || floor::serve(&listener));
        let request = request(address).unwrap();
        let mut visitors = Crowd::talking(request.clone(), address, 3, 3).unwrap();
        for depth in [1, DEPTH] {
            let (said, answer) = (request.said.repeat(depth), request.answer * depth);
            visitors.change(Talk { said, answer, ..request.clone() });
            assert!(visitors.saturate(Duration::from_millis(5)).unwrap().messages >= 3);
        }
    }
}
