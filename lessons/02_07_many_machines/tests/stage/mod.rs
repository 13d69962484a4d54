//! Las terminales de una sesión del capítulo: qué se ejecuta en cada una y qué se ve al final.

use std::cell::RefCell;
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::LazyLock;
use std::time::Duration;

use harness::{Failure, Program, Running, Server, Stream};
use prose::{Varying, recorded};
use vt100::Parser;

use crate::common::{Redis, has_redis, programs, server};

/// Lo que mide una terminal: a lo ancho, lo que cabe en una página.
const COLUMNS: u16 = 100;
const ROWS: u16 = 40;

/// Cuánto se espera lo que tiene que ocurrir: caducan plazos, y se espera al azar.
const LIMIT: Duration = Duration::from_secs(40);

/// El puerto de redis, como lo nombra el capítulo.
const BROKER: &str = "6380";

/// El del balanceador, por el que se entra a la casa entera.
const ENTRANCE: &str = "8800";

/// Lo que hay detrás de una sesión.
pub(crate) struct Stage {
    redis: Option<Redis>,
}

/// Una terminal, con lo que se ejecutó en ella.
pub(crate) struct Terminal {
    /// La orden, como la enseña el capítulo.
    command: String,
    /// El puerto que nombra el capítulo, y el que dio el núcleo.
    port: (&'static str, u16),
    program: Screen,
    /// Lo que se tecleó donde no se ve, y cuánto se había escrito hasta entonces.
    typed: RefCell<Option<(usize, String)>>,
}

enum Screen {
    Server(Server),
    Client(Running),
}

impl Stage {
    pub(crate) fn without_broker() -> Stage {
        Stage { redis: None }
    }

    /// Con redis; `None` si no lo hay.
    pub(crate) fn with_broker() -> Result<Option<Stage>, Failure> {
        let redis = if has_redis()? { Some(Redis::durable()?) } else { return Ok(None) };
        Ok(Some(Stage { redis }))
    }

    /// Un servidor más, en el puerto que el capítulo llama `port`.
    pub(crate) fn server(&self, port: &'static str) -> Result<Terminal, Failure> {
        let mut program = server();
        let mut command = format!(
            "cargo run -p varias_maquinas --bin aplic_02_07 -- \\\n    --name servidor --port {port}"
        );
        if let Some(redis) = &self.redis {
            program = program.args(["--broker", &redis.url(), "--lease", "1"]);
            command = format!("{command} --broker redis://127.0.0.1:{BROKER}");
        }
        let server = program.start()?;
        let port = (port, server.address().port());
        Ok(Terminal { command, port, program: Screen::Server(server), typed: RefCell::default() })
    }

    /// La casa entera, con tres servidores; `None` si falta con qué.
    pub(crate) fn together() -> Result<Option<Terminal>, Failure> {
        if programs::haproxy()?.is_none() || !has_redis()? {
            return Ok(None);
        }
        let running = Program::new(env!("CARGO_BIN_EXE_juntos")).env("CARGO", "");
        let server = running.args(["--servidores", "3", "--port", "0"]).start()?;
        let port = (ENTRANCE, server.address().port());
        let command = "cargo run -p varias_maquinas --bin juntos -- --servidores 3".to_owned();
        Ok(Some(Terminal {
            command,
            port,
            program: Screen::Server(server),
            typed: RefCell::default(),
        }))
    }

    /// Redis muere mientras ocurre `script`, y después se vuelve a arrancar.
    pub(crate) fn without_its_broker(
        &self,
        script: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.redis.as_ref().map_or(Ok(()), |redis| {
            redis.kill();
            script()?;
            redis.restart()
        })
    }

    /// Compara la sesión de esas terminales con la que enseña el capítulo.
    pub(crate) fn records(&self, name: &str, terminals: &[&Terminal]) -> Result<(), Failure> {
        let shown = terminals.iter().zip(1..).map(|(terminal, number)| {
            let rows = self.with_quoted_port(&terminal.rows().join("\n"));
            format!("# terminal {number}\n$ {}\n{rows}\n", terminal.command)
        });
        record(name, &shown.collect::<Vec<_>>().join("\n"))
    }

    /// Compara lo que responde una orden de `redis-cli`, en una terminal, con lo que enseña el capítulo.
    pub(crate) fn answers(&self, name: &str, arguments: &[&str]) -> Result<(), Failure> {
        let Some(redis) = &self.redis else { return Ok(()) };
        let answer = redis.ask(arguments)?;
        let quoted: Vec<_> = arguments.iter().map(|argument| quote(argument)).collect();
        record(name, &format!("$ redis-cli -p {BROKER} {}\n{answer}", quoted.join(" ")))
    }

    fn with_quoted_port(&self, text: &str) -> String {
        let broker = |redis: &Redis| text.replace(&redis.address.port().to_string(), BROKER);
        self.redis.as_ref().map_or(text.to_owned(), broker)
    }
}

impl Terminal {
    /// Alguien que quiere entrar por este servidor, ante su terminal.
    pub(crate) fn member(&self, name: &str) -> Result<Terminal, Failure> {
        let (quoted, port) = self.port;
        let returns = if quoted == ENTRANCE { &["--reconectar"][..] } else { &[] };
        let arguments = [&["--name", name, "--port"][..], &[quoted], returns].concat().join(" ");
        let command = format!("cargo run --bin aplic_02_03 -- {arguments}");
        let running = Program::new(programs::client()?)
            .args(["--name", name, "--port", &port.to_string()])
            .args(returns.iter().copied())
            .on_terminal(COLUMNS, ROWS)
            .spawn()?;
        Ok(Terminal {
            command,
            port: self.port,
            program: Screen::Client(running),
            typed: RefCell::default(),
        })
    }

    pub(crate) fn running(&self) -> &Running {
        match &self.program {
            Screen::Server(server) => server,
            Screen::Client(running) => running,
        }
    }

    /// Espera a estar dentro.
    pub(crate) fn enters(self) -> Result<Terminal, Failure> {
        self.running().wait_for_text(Stream::Stdout, "@127.0.0.1]> ", LIMIT)?;
        Ok(self)
    }

    /// Espera a que termine.
    pub(crate) fn ends(self) -> Result<Terminal, Failure> {
        self.running().wait(LIMIT)?;
        Ok(self)
    }

    /// Teclea una línea y la ve entera.
    pub(crate) fn says(&self, text: &str) -> Result<(), Failure> {
        self.running().write_stdin(format!("{text}\n"));
        self.shows(&format!("]> {text}"))
    }

    /// Lee una orden de quien está ante ella. Como no es una terminal de verdad, no se ve al teclearla.
    pub(crate) fn obeys(&self, order: &str) {
        let order = format!("{order}\n");
        self.typed.replace(Some((self.running().stdout().len(), order.clone())));
        self.running().write_stdin(order);
    }

    /// Espera a que haya una línea que acabe así.
    pub(crate) fn shows(&self, end: &str) -> Result<(), Failure> {
        self.running().eventually(&format!("se viera «{end}»"), LIMIT, || {
            self.rows().iter().any(|row| row.ends_with(end))
        })
    }

    /// Espera a que haya una línea con eso.
    pub(crate) fn shows_in(&self, text: &str) -> Result<(), Failure> {
        self.running().wait_for_line(Stream::Stdout, text, LIMIT).map(drop)
    }

    /// Espera a que se queje con eso.
    pub(crate) fn complains(&self, text: &str) -> Result<(), Failure> {
        self.running().wait_for_line(Stream::Stderr, text, LIMIT).map(drop)
    }

    /// Las líneas que se ven, sin la que espera a que se teclee algo.
    fn rows(&self) -> Vec<String> {
        let size = |count| NonZeroU16::new(count).unwrap_or(NonZeroU16::MIN);
        let mut screen = Parser::new(size(ROWS), size(COLUMNS), 0);
        let (quoted, port) = self.port;
        let mut output = self.running().stdout();
        if let Some((place, order)) = &*self.typed.borrow() {
            output.insert_str(*place, order);
        }
        // En una tabla, lo que sigue ha de quedar en su columna.
        let port = port.to_string();
        let padded = format!("{quoted:width$}  ", width = port.len());
        let output = output.replace(&format!("{port}  "), &padded).replace(&port, quoted);
        // Un servidor no escribe aquí en una terminal: sus finales de línea son solo eso.
        let output = output.replace("\r\n", "\n").replace('\n', "\r\n");
        screen.process(output.as_bytes());
        let mut rows: Vec<String> = screen.screen().rows(0, COLUMNS).collect();
        while rows.last().is_some_and(|row| row.trim().is_empty() || row.trim().ends_with("]>")) {
            rows.pop();
        }
        rows
    }
}

fn record(name: &str, today: &str) -> Result<(), Failure> {
    /// Lo que es de cada vez: identidades, horas, puertos y procesos.
    static ERASED: LazyLock<Varying> = LazyLock::new(|| {
        Varying::new(&[
            ("[0-9a-f]{16}", "IDENTIDAD"),
            ("[0-9]{13}-[0-9]", "HORA"),
            ("127.0.0.1:[0-9]{5}", "127.0.0.1:PUERTO"),
            ("(?m) [0-9]{2,}$", " PROCESO"),
            ("proceso [0-9]+", "proceso PROCESO"),
        ])
    });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sesiones/{name}.txt"));
    recorded(&file, today, |text| ERASED.erased(text))
}

/// Como se escribe en bash.
fn quote(argument: &str) -> String {
    if argument.contains('{') { format!("'{argument}'") } else { argument.to_owned() }
}
