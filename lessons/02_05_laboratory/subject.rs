//! Lo que se mide: un servidor en su propio proceso, y lo que el núcleo cuenta de él.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::procfs::ProcResult;
use harness::procfs::process::Process;
use nix::unistd::Pid;

use crate::clock;
use crate::cores::Cores;
use crate::tally::Tally;

/// Cuánto se espera a que un servidor diga dónde escucha, o a que escuche donde se le dijo.
const PATIENCE: Duration = Duration::from_secs(10);

/// Un servidor en marcha. Al soltarlo, termina.
pub(crate) struct Subject {
    child: Child,
    orders: Option<ChildStdin>,
    output: Option<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Subject {
    /// Arranca un servidor que dice en su primera línea dónde escucha, como todos los del curso. Si es
    /// de este laboratorio, lleva además la cuenta de lo que hace.
    pub(crate) fn announcing(mut command: Command, cores: &Cores) -> io::Result<Subject> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command, cores)?;
        let orders = child.stdin.take();
        let mut output = child.stdout.take().map(BufReader::new);
        let address = output.as_mut().and_then(announced);
        let mut subject =
            Subject { child, orders, output, address: (Ipv4Addr::LOCALHOST, 0).into() };
        match address {
            Some(address) => subject.address = address,
            None => return Err(subject.gone()),
        }
        Ok(subject)
    }

    /// Arranca un servidor al que se le dice el puerto, y espera a que escuche en él.
    pub(crate) fn told(
        command: impl FnOnce(u16) -> io::Result<Command>,
        cores: &Cores,
    ) -> io::Result<Subject> {
        let address = free_address()?;
        let mut command = command(address.port())?;
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = spawn(command, cores)?;
        let mut subject = Subject { child, orders: None, output: None, address };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if subject.child.try_wait()?.is_some() || Instant::now() > deadline {
                return Err(subject.gone());
            }
            // No avisa de que ya escucha: solo queda volver a llamar.
            thread::sleep(Duration::from_millis(5));
        }
        Ok(subject)
    }

    /// El mismo, del que se sabe que no cuenta lo que hace.
    pub(crate) fn uncounted(self) -> Subject {
        let mut subject = self;
        subject.orders = None;
        subject
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(0))
    }

    /// Procesador que lleva usado.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        clock::of_process(self.pid())
    }

    /// Lo que el propio servidor lleva contado; `None` si no es de este laboratorio.
    pub(crate) fn tally(&mut self) -> io::Result<Option<Tally>> {
        let (Some(orders), Some(output)) = (&mut self.orders, &mut self.output) else {
            return Ok(None);
        };
        let mut line = String::new();
        let asked = orders.write_all(b"cuenta\n").and_then(|()| output.read_line(&mut line));
        match serde_json::from_str(&line) {
            Ok(tally) if asked.is_ok() => Ok(Some(tally)),
            _ => Err(ended(())),
        }
    }

    /// Memoria residente, en bytes. La cuenta el núcleo página a página: la de
    /// `/proc/PID/status` es aproximada (proc(5)), y aquí importan los bytes.
    pub(crate) fn resident(&self) -> io::Result<u64> {
        let pages = self.process().and_then(|process| process.smaps_rollup()).map_err(ended)?;
        let maps = pages.memory_map_rollup.into_iter();
        Ok(maps.filter_map(|map| map.extension.map.get("Rss").copied()).sum())
    }

    pub(crate) fn threads(&self) -> io::Result<u64> {
        let status = self.process().and_then(|process| process.status());
        Ok(status.map_err(ended)?.threads)
    }

    fn process(&self) -> ProcResult<Process> {
        Process::new(self.pid().as_raw())
    }

    /// Un error que dice cómo terminó.
    fn gone(&mut self) -> io::Error {
        let _ = self.child.kill();
        match self.child.wait() {
            Ok(status) => io::Error::other(match status.code() {
                Some(code) => format!("el servidor terminó con el código {code} antes de escuchar"),
                None => "el servidor no llegó a escuchar".to_owned(),
            }),
            Err(error) => error,
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        // Ya no hace falta que se despida de nadie.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lo arranca con los procesadores del servidor y en un grupo aparte: el Ctrl-C de la terminal es para
/// el laboratorio, que sabe qué dejar terminado.
fn spawn(mut command: Command, cores: &Cores) -> io::Result<Child> {
    command.process_group(0);
    cores.as_server(|| command.spawn())?
}

/// El error de quien ya no está: ni responde, ni tiene nada en `/proc`.
fn ended<T>(_: T) -> io::Error {
    io::Error::other("terminó mientras se medía")
}

fn announced(output: &mut BufReader<ChildStdout>) -> Option<SocketAddr> {
    let mut line = String::new();
    output.read_line(&mut line).ok()?;
    line.trim().strip_prefix("Escuchando en ")?.parse().ok()
}

/// Un puerto que ahora mismo no usa nadie, para los programas que no aceptan el 0.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_servidor_que_no_llega_a_escuchar_dice_cómo_terminó() {
        let cores = Cores::split().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", "exit 3"]);
        let Err(error) = Subject::announcing(command, &cores) else { panic!("no escucha nadie") };
        assert_eq!(error.to_string(), "el servidor terminó con el código 3 antes de escuchar");
    }
}
