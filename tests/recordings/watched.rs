//! Un servidor que se está grabando.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::Duration;

use harness::{Conversation, Failure, Program, Server, Signal, Stream, tools};
use prose::possible;
use serde_json::{Value, json};

use super::calls::{Repeats, Shape, agree, by_thread};

/// Lo que se espera, como mucho, a que el servidor dé un paso: mientras se le graba va despacio.
const LIMIT: Duration = Duration::from_secs(20);

/// La ventana es de otro paquete, y hay que pedirla.
static WINDOW: LazyLock<()> =
    LazyLock::new(|| prose::build(&["test", "--no-run", "--test", "ver"]).unwrap());

/// Un servidor en marcha, y lo que se va grabando de él.
pub(crate) struct Watched {
    server: Server,
    /// Lo que va contando la página en vivo: un registro por línea.
    seen: Arc<Mutex<Vec<String>>>,
    /// Dónde se graba.
    now: PathBuf,
    /// La que muestra el libro.
    kept: PathBuf,
}

impl Watched {
    /// Arranca un programa de una lección y lo graba para `kept`; nada si esta máquina no puede, y
    /// entonces lo dice.
    pub(crate) fn lesson(
        kept: &str,
        program: &str,
        arguments: &[&str],
    ) -> Result<Option<Self>, Failure> {
        let program = prose::program(program)?;
        Self::start(kept, &["--", program.to_str().unwrap()], arguments)
    }

    /// Lo mismo, con un programa en Python de los ejemplos del libro.
    pub(crate) fn python(kept: &str, program: &str) -> Result<Option<Self>, Failure> {
        if !tools::available("python3", &format!("la grabación {kept}"))? {
            return Ok(None);
        }
        let file = format!("book/ejemplos/python/{program}.py");
        // En el acertijo se adivina sin leer el código.
        let without: &[&str] = if kept == "adivina" { &["--sin-codigo"] } else { &[] };
        let interpreter = interpreter()?;
        Self::start(kept, &[without, &["--", interpreter.trim()]].concat(), &[&file, "0"])
    }

    fn start(kept: &str, program: &[&str], arguments: &[&str]) -> Result<Option<Self>, Failure> {
        if !possible(["strace"], &format!("la grabación {kept}"))? {
            return Ok(None);
        }
        if !cfg!(target_arch = "x86_64") {
            tools::skip("en otra arquitectura las llamadas son otras", kept)?;
            return Ok(None);
        }
        LazyLock::force(&WINDOW);
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        env::set_current_dir(root)?;
        let name = Path::new(kept).file_name().unwrap();
        let now = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("jsonl");
        let _ = fs::remove_file(&now);
        let server = Program::new(prose::program("ver")?)
            .without_inherited_descriptors()
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .args(["--en-vivo", "--no-abrir", "--json"])
            .arg(&now)
            .args(program.iter().chain(arguments).copied())
            .start()?;
        let page = server.wait_for_line(Stream::Stderr, "http://", LIMIT)?;
        let seen = Arc::default();
        follow(&page, Arc::clone(&seen))?;
        let kept = root.join(kept).with_extension("jsonl");
        Ok(Some(Self { server, seen, now, kept }))
    }

    /// Una conversación con él, en bytes.
    pub(crate) fn talk(&self) -> Conversation {
        Conversation::with(self.server.address())
    }

    /// Lo mismo, en marcos.
    pub(crate) fn chat(&self) -> Conversation {
        Conversation::in_frames(self.server.address())
    }

    /// Le escribe en su entrada.
    pub(crate) fn type_in(&self, text: &str) {
        self.server.write_stdin(text);
    }

    /// Espera a que se haya dormido tantas veces en esa llamada.
    pub(crate) fn sleeps(&self, call: &str, times: usize) -> Result<(), Failure> {
        let what = format!("el servidor se durmiera {times} veces en {call}");
        self.sees(&what, times, |line| is_call(line, call) && !line.contains("\"took\""))
    }

    /// Espera a que haya terminado esa llamada sobre ese descriptor, tantas veces.
    pub(crate) fn calls(&self, call: &str, fd: i32, times: usize) -> Result<(), Failure> {
        let number = format!("\"fd\":{fd},");
        let what = format!("el servidor hiciera {times} veces {call}({fd})");
        self.sees(&what, times, |line| {
            is_call(line, call) && line.contains(&number) && line.contains("\"took\"")
        })
    }

    /// Espera a que haya leído tantos bytes de ese descriptor, y duerma.
    pub(crate) fn has_read(&self, fd: i32, bytes: usize) -> Result<(), Failure> {
        let what = format!("el servidor leyera {bytes} bytes del {fd}");
        self.server.eventually(&what, LIMIT, || {
            let seen = self.records();
            let reads = seen.iter().filter(|call| call["call"] == "recvfrom" && call["fd"] == fd);
            let read: u64 = reads.filter_map(|call| call["result"].as_u64()).sum();
            read >= bytes as u64 && asleep(&seen)
        })
    }

    /// Espera a que duerma.
    pub(crate) fn dozes(&self) -> Result<(), Failure> {
        self.server.eventually("el servidor durmiera", LIMIT, || asleep(&self.records()))
    }

    fn records(&self) -> Vec<Value> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Espera a que duerma sin vigilar ese descriptor para leer, con alguien a quien escribir.
    pub(crate) fn stops_reading(&self, fd: i32) -> Result<(), Failure> {
        self.server.eventually(&format!("el servidor dejara de leer el {fd}"), LIMIT, || {
            let seen = self.records();
            let watched = seen.iter().filter_map(|call| call["watch"].as_array());
            watched.into_iter().any(|watch| {
                let writing = watch.iter().any(|it| it["events"] == "escribir");
                let reading = |it: &Value| it["events"] == "leer" && it["fd"] == fd;
                writing && !watch.iter().any(reading)
            })
        })
    }

    /// Espera a que haya pedido a epoll que le avise de eso.
    pub(crate) fn asks_for(&self, events: &str) -> Result<(), Failure> {
        let wanted = format!("\"events\":\"{events}\"");
        self.sees(&format!("el servidor pidiera {events}"), 1, |line| {
            is_call(line, "epoll_ctl") && line.contains(&wanted)
        })
    }

    /// Espera a que el núcleo guarde esos bytes (o, si escucha, esas conexiones) para ese descriptor.
    pub(crate) fn holds(&self, fd: i32, incoming: u64) -> Result<(), Failure> {
        let what = format!("el núcleo guardara {incoming} para el {fd}");
        self.server.eventually(&what, LIMIT, || {
            let seen = self.records();
            let sockets = seen.iter().filter_map(|record| record["sockets"].as_array()).flatten();
            sockets.into_iter().any(|socket| socket["fd"] == fd && socket["incoming"] == incoming)
        })
    }

    fn sees(&self, what: &str, times: usize, fits: impl Fn(&str) -> bool) -> Result<(), Failure> {
        self.server.eventually(what, LIMIT, || {
            self.seen.lock().unwrap().iter().filter(|line| fits(line)).count() >= times
        })
    }

    /// Lo termina con esa señal, y compara lo grabado con lo que muestra el libro.
    pub(crate) fn ends(self, signal: Signal, repeats: Repeats) -> Result<(), Failure> {
        self.server.signal(signal)?;
        self.repeats(repeats)
    }

    /// Espera a que termine, y compara lo grabado con lo que muestra el libro.
    pub(crate) fn repeats(self, repeats: Repeats) -> Result<(), Failure> {
        self.server.wait_for_line(Stream::Stderr, "grabado en", LIMIT)?;
        // La página en vivo puede seguir ahí, por si alguien la mira.
        let _ = self.server.signal(Signal::SIGINT);
        self.server.wait(LIMIT)?;
        let now = as_written(&without_idle_turns(&fs::read_to_string(&self.now)?))?;
        let kept = fs::read_to_string(&self.kept).unwrap_or_default();
        let (was, is) = (by_thread(&kept, repeats), by_thread(&now, repeats));
        let threads: BTreeSet<&u64> = was.keys().chain(is.keys()).collect();
        let calls = |from: &BTreeMap<u64, Vec<Shape>>, thread: u64| {
            from.get(&thread).cloned().unwrap_or_default()
        };
        let pairs = threads.into_iter().map(|thread| (calls(&was, *thread), calls(&is, *thread)));
        let Some((was, is)) = pairs.into_iter().find(|(was, is)| !agree(was, is)) else {
            return Ok(());
        };
        if env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
            fs::create_dir_all(self.kept.parent().unwrap())?;
            return Ok(fs::write(&self.kept, now)?);
        }
        Err(Failure::new(format!("La grabación {} ya no es la de hoy.", self.kept.display()))
            .section("Muestra", was.iter().map(Shape::to_string))
            .section("Y hoy ocurre", is.iter().map(Shape::to_string))
            .hint("con `INSTA_UPDATE=always` se graba otra vez; revisa después los enlaces a sus pasos"))
    }
}

/// Si lo último que hizo fue dormirse.
fn asleep(seen: &[Value]) -> bool {
    seen.iter().rfind(|record| record["what"] == "call").is_some_and(|call| call["took"].is_null())
}

/// Va apuntando lo que cuenta la página en vivo, cuya dirección está en `told`.
fn follow(told: &str, seen: Arc<Mutex<Vec<String>>>) -> io::Result<()> {
    let address = told.split("http://").nth(1).unwrap_or_default();
    let address = address.split(['/', ' ']).next().unwrap_or_default().to_owned();
    let mut page = TcpStream::connect(&address)?;
    write!(page, "GET /eventos HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
    thread::spawn(move || {
        for line in BufReader::new(page).lines().map_while(Result::ok) {
            if let Some(record) = line.strip_prefix("data: ") {
                seen.lock().unwrap().push(record.to_owned());
            }
        }
    });
    Ok(())
}

fn is_call(line: &str, call: &str) -> bool {
    line.contains(&format!("\"call\":\"{call}\""))
}

/// Sin las vueltas en las que solo se espera, si son muchas seguidas: quedan las primeras y las últimas.
fn without_idle_turns(recording: &str) -> String {
    const FIRST: usize = 20;
    const LAST: usize = 5;
    let is_wait = |line: &str| is_call(line, "pselect6");
    let lines: Vec<&str> = recording.lines().collect();
    let runs = lines.chunk_by(|one, other| is_wait(one) && is_wait(other));
    let mut kept: Vec<String> = Vec::new();
    for run in runs {
        let omitted = run.len().saturating_sub(FIRST + LAST);
        if omitted == 0 {
            kept.extend(run.iter().map(|line| (*line).to_owned()));
            continue;
        }
        let (start, rest) = run.split_at(FIRST);
        let (middle, end) = rest.split_at(omitted);
        let last: Value = serde_json::from_str(middle[omitted - 1]).unwrap();
        let gap = json!({"what": "omitted", "us": last["us"], "count": omitted});
        kept.extend(start.iter().map(|line| (*line).to_owned()));
        kept.push(gap.to_string());
        kept.extend(end.iter().map(|line| (*line).to_owned()));
    }
    kept.join("\n") + "\n"
}

/// El Python de verdad: el que se encuentra puede ser un guion que lo busca.
fn interpreter() -> Result<String, Failure> {
    let asked =
        Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output()?;
    Ok(String::from_utf8_lossy(&asked.stdout).into_owned())
}

/// Con el programa como lo escribe quien lee, y no donde lo dejó esta compilación.
fn as_written(recording: &str) -> Result<String, Failure> {
    let programs = prose::program("")?.display().to_string();
    let python = format!("\"{}\"", interpreter().unwrap_or_default().trim());
    Ok(recording.replacen(&programs, "target/debug/", 1).replacen(&python, "\"python3\"", 1))
}
