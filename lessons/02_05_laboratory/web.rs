//! La web de la lección 02_04, medida por lo que es: al lado del suelo y de otros servidores.
//!
//! Todos responden lo mismo, en un solo hilo, a las mismas conexiones. Se miden por turnos, y el
//! turno se invierte cada vez: lo que importa son los cocientes dentro de una misma ronda.

pub mod floor;
mod load;
pub mod report;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use multiplexacion::cli::{self, Trouble};
use multiplexacion::stop::Stop;
use serde::{Deserialize, Serialize};

use crate::commands::{COURSE, LESSON};
use crate::cores::Cores;
use crate::machine::{Machine, fitting, now};
use crate::neighbours::Neighbours;
use crate::programs::{installed, lesson, peers};
use crate::report::progress::Bar;
use crate::report::terminal::note;
use crate::subject::Subject;
use load::{CONNECTIONS, Visitors};

/// Veces que se repite cada medida si no se pide otra cosa.
pub const ROUNDS: usize = 15;

/// Cuánto dura cada turno.
const TURN: Duration = Duration::from_millis(150);

/// Peticiones que se envían juntas cuando van encadenadas.
const DEPTH: usize = 16;

/// Conexiones calladas con las que se mide la memoria.
const IDLE: usize = 4000;

/// El que se compara con todos.
const OURS: &str = "aplic_02_04";

/// Lo medido.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    date: String,
    machine: Machine,
    /// Si se midió todo lo que se pidió.
    pub complete: bool,
    /// Lo que resta valor a las cifras, en frases.
    #[serde(default)]
    warnings: Vec<String>,
    connections: usize,
    depth: usize,
    /// Conexiones calladas con las que se midió la memoria.
    idle: usize,
    servers: Vec<Server>,
}

/// Un servidor y lo que gastó.
#[derive(Debug, Serialize, Deserialize)]
pub struct Server {
    name: String,
    /// Procesador por petición, de una en una, en nanosegundos: una cifra por ronda.
    plain_ns: Vec<f64>,
    /// Lo mismo, encadenadas.
    pipelined_ns: Vec<f64>,
    /// Memoria residente por conexión callada.
    bytes_per_connection: Option<f64>,
    /// Por qué faltan cifras.
    trouble: Option<String>,
}

/// Alguien a quien medir: su nombre y cómo se arranca.
struct Contender {
    name: &'static str,
    start: Box<Start>,
}

type Start = dyn Fn(&Cores) -> io::Result<Subject>;

/// Mide a todos los que haya, `rounds` veces.
///
/// # Errors
/// No se puede compilar la lección, o no arranca.
pub fn measure(rounds: usize, cores: &Cores, stop: &Stop) -> Result<Outcome, Trouble> {
    let contenders = contenders()?;
    let machine = Machine::this_one(cores);
    let mut outcome = Outcome {
        idle: fitting(IDLE, machine.descriptors),
        date: now(),
        machine,
        complete: true,
        warnings: Vec::new(),
        connections: CONNECTIONS,
        depth: DEPTH,
        servers: contenders.iter().map(|contender| Server::named(contender.name)).collect(),
    };
    let neighbours = Neighbours::watch();
    let bar = Bar::start();
    for (contender, server) in contenders.iter().zip(&mut outcome.servers) {
        if stop.is_requested() {
            break;
        }
        bar.tell(0.0, &format!("memoria de {}", contender.name));
        match memory(contender, outcome.idle, cores) {
            Ok(bytes) => server.bytes_per_connection = Some(bytes),
            Err(error) => server.trouble = Some(why(&error)),
        }
    }
    let mut rivals = if stop.is_requested() {
        Vec::new()
    } else {
        rivals(&contenders, &mut outcome.servers, cores)
    };
    for round in 0..rounds {
        if stop.is_requested() {
            outcome.complete = false;
            break;
        }
        #[expect(clippy::cast_precision_loss)]
        bar.tell(round as f64 / rounds as f64, &format!("ronda {} de {rounds}", round + 1));
        for depth in [1, DEPTH] {
            take_turns(&mut rivals, &mut outcome.servers, depth, round % 2 == 1);
        }
        rivals.retain(|rival| outcome.servers[rival.place].trouble.is_none());
    }
    bar.finish();
    // Lo que gastó cada uno se suma a lo nuestro cuando termina: antes parecería de otros.
    drop(rivals);
    outcome.warn(neighbours.warnings());
    Ok(outcome)
}

/// Un turno de cada uno, en un orden o en el contrario.
fn take_turns(rivals: &mut [Rival], servers: &mut [Server], depth: usize, backwards: bool) {
    let turns: Box<dyn Iterator<Item = &mut Rival>> =
        if backwards { Box::new(rivals.iter_mut().rev()) } else { Box::new(rivals.iter_mut()) };
    for rival in turns {
        let server = &mut servers[rival.place];
        match rival.cost(depth) {
            Ok(ns) if depth == 1 => server.plain_ns.push(ns),
            Ok(ns) => server.pipelined_ns.push(ns),
            Err(error) => server.trouble = Some(why(&error)),
        }
    }
}

impl Outcome {
    /// Si no se llegó a medir nada.
    pub fn is_empty(&self) -> bool {
        self.servers.iter().all(|server| server.plain_ns.is_empty())
    }

    /// Reúne lo que resta valor a las cifras: lo de la máquina, lo de los demás programas y lo que
    /// pasó al medir.
    fn warn(&mut self, others: Vec<String>) {
        self.warnings = self.machine.warnings();
        self.warnings.extend(others);
        if self.idle < IDLE {
            self.warnings.push(format!(
                "Con {} descriptores, la memoria se mide con {} conexiones y no con {IDLE}: es menos \
                 exacta.",
                self.machine.descriptors, self.idle
            ));
        }
        for server in &self.servers {
            if let Some(trouble) = &server.trouble {
                self.warnings.push(format!(
                    "{}: {trouble}. Sus cifras faltan o son de menos rondas.",
                    server.name
                ));
            }
        }
        if !self.complete {
            self.warnings
                .push("Se paró antes de acabar: hay menos rondas de las pedidas.".to_owned());
        }
    }
}

/// Un servidor en marcha y sus visitantes.
struct Rival {
    place: usize,
    subject: Subject,
    visitors: Visitors,
}

impl Rival {
    /// Un turno: procesador por petición, en nanosegundos.
    fn cost(&mut self, depth: usize) -> io::Result<f64> {
        let before = self.subject.cpu()?;
        let answered = self.visitors.ask(depth, TURN)?;
        let used = self.subject.cpu()?.saturating_sub(before);
        #[expect(clippy::cast_precision_loss)]
        Ok(used.as_secs_f64() * 1e9 / answered.max(1) as f64)
    }
}

fn rivals(contenders: &[Contender], servers: &mut [Server], cores: &Cores) -> Vec<Rival> {
    let mut rivals = Vec::new();
    for (place, contender) in contenders.iter().enumerate() {
        let started = (contender.start)(cores).and_then(|subject| {
            let mut visitors = Visitors::connect(subject.address(), CONNECTIONS)?;
            // La primera vuelta, de cada manera, no cuenta.
            visitors.ask(1, TURN)?;
            visitors.ask(DEPTH, TURN)?;
            Ok(Rival { place, subject, visitors })
        });
        match started {
            Ok(rival) => rivals.push(rival),
            Err(error) => servers[place].trouble = Some(why(&error)),
        }
    }
    rivals
}

/// Memoria residente por conexión, con muchas que ya preguntaron y callan.
fn memory(contender: &Contender, idle: usize, cores: &Cores) -> io::Result<f64> {
    let subject = (contender.start)(cores)?;
    let first = Visitors::connect(subject.address(), 1)?;
    let before = subject.resident()?;
    let crowd = Visitors::connect(subject.address(), idle)?;
    let after = subject.resident()?;
    drop((first, crowd));
    #[expect(clippy::cast_precision_loss)]
    Ok(after.saturating_sub(before) as f64 / idle as f64)
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
        note("nginx no está instalado: se mide sin él.");
    }
    if installed("python3") {
        let script = Path::new(LESSON).join("pares/web.py");
        contenders.push(announcing("Python", "python3".into(), &[&script.to_string_lossy()]));
    } else {
        note("python3 no está instalado: se mide sin él.");
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
    Contender {
        name,
        start: Box::new(move |cores| {
            let mut problem = None;
            let started = Subject::told(
                |port| {
                    command(port).unwrap_or_else(|error| {
                        problem = Some(error);
                        Command::new("false")
                    })
                },
                cores,
            );
            problem.map_or(started, Err)
        }),
    }
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
    let program = if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" };
    let mut command = Command::new(program);
    command.arg("-e").arg("/dev/null").arg("-c").arg(configuration);
    Ok(command)
}

impl Server {
    fn named(name: &str) -> Server {
        Server {
            name: name.to_owned(),
            plain_ns: Vec::new(),
            pipelined_ns: Vec::new(),
            bytes_per_connection: None,
            trouble: None,
        }
    }
}

fn why(error: &io::Error) -> String {
    if error.raw_os_error().is_none() && error.kind() == io::ErrorKind::Other {
        error.to_string()
    } else {
        cli::reason(error)
    }
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
        let mut visitors = Visitors::connect(address, 3).unwrap();
        for depth in [1, DEPTH] {
            let answered = visitors.ask(depth, Duration::from_millis(5)).unwrap();
            assert!(answered >= 3 * depth as u64, "{answered}");
            assert_eq!(answered % depth as u64, 0);
        }
    }
}
