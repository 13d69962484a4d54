//! Una salida que nunca hace esperar: la estándar, la de errores, la de `--trace`.
//!
//! Escribir en una tubería que nadie vacía, o en una terminal parada con Ctrl-S, duerme a quien
//! escribe (pipe(7), termios(3)). En un servidor, ese sueño sería de todos sus clientes. Aquí se
//! encola, se escribe lo que quepa y lo demás espera en la cola.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::fs::{File, OpenOptions};
use std::io;
use std::iter;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{FileStat, SFlag, fstat};
use nix::unistd::{dup2_stderr, dup2_stdout, tcgetpgrp, write};

use crate::stop::Stop;

mod lines;

pub use lines::{Lines, finish, set_patience, stderr, stdout};

/// Lo que una tubería con sitio admite siempre entero, sin mezclarlo con lo de otros (pipe(7)).
const PIPE_BUF: usize = 4096;

/// Milisegundos que se espera al terminar, si no sale nada.
const FAREWELL: u16 = 500;

/// Qué se hace con quien lee despacio, o no lee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// Cada línea espera a salir: lo de una herramienta, que no tiene otra cosa que hacer.
    EachLine,
    /// El programa sigue mientras quepa en la cola, y entonces espera: lo de una demostración.
    WhenFull,
    /// No se espera a nadie, y lo que no quepa se pierde: lo de un servidor, que se debe a sus
    /// clientes.
    Never,
}

/// Una salida y lo que aún no cupo en ella. Quien la tiene en su bucle la vigila, como un
/// descriptor más, mientras quede algo [pendiente](Output::pending).
#[derive(Debug)]
pub struct Output {
    /// Se comparte para poder vigilarlo sin retener la cola.
    fd: Arc<dyn Descriptor>,
    manner: Manner,
    queue: VecDeque<u8>,
}

trait Descriptor: AsFd + Debug + Send + Sync {}
impl<T: AsFd + Debug + Send + Sync> Descriptor for T {}

/// Cómo se escribe sin esperar.
#[derive(Clone, Copy, Debug)]
enum Manner {
    /// Sin más: es un archivo corriente, o lo abrimos sin bloqueo.
    Plainly,
    /// Es un socket: sin bloqueo por esta vez (send(2), MSG_DONTWAIT).
    Sending,
    /// No es solo nuestro: antes se pregunta si cabe algo.
    Asking,
}

impl Output {
    /// La salida estándar. Desde ahora, en este programa, su descriptor es sin bloqueo: es para quien
    /// no arranca otros programas, que lo heredarían.
    pub fn stdout() -> Output {
        Output::standard(io::stdout(), dup2_stdout)
    }

    /// La salida de errores, como [`stdout`](Output::stdout).
    pub fn stderr() -> Output {
        Output::standard(io::stderr(), dup2_stderr)
    }

    /// Un archivo ya abierto para escribir.
    pub fn to(file: File) -> Output {
        let (manner, own) = without_blocking(&file);
        Output::new(own.unwrap_or(file), manner)
    }

    /// Una salida que se deja como está, sin bloqueo o con él.
    fn shared(fd: impl Descriptor + 'static) -> Output {
        Output::new(fd, Manner::Asking)
    }

    /// Con el mismo número de descriptor, que así no ocupa otro (dup2(2)).
    fn standard(fd: impl Descriptor + 'static, replace: fn(File) -> nix::Result<()>) -> Output {
        let (manner, own) = without_blocking(&fd);
        match own.map_or(Ok(()), replace) {
            Ok(()) => Output::new(fd, manner),
            Err(_) => Output::shared(fd),
        }
    }

    fn new(fd: impl Descriptor + 'static, manner: Manner) -> Output {
        Output { fd: Arc::new(fd), manner, queue: VecDeque::new() }
    }

    /// Encola `bytes`. No escribe nada.
    pub fn push(&mut self, bytes: &[u8]) {
        self.queue.extend(bytes);
    }

    /// Bytes que aún no han salido.
    pub fn pending(&self) -> usize {
        self.queue.len()
    }

    /// Escribe lo que quepa ahora; lo demás queda pendiente, y no es un error. Errores: se fue quien
    /// leía (siempre con [`BrokenPipe`](io::ErrorKind::BrokenPipe)), o no queda disco. Entonces lo
    /// pendiente se tira, porque no tiene adónde ir, y se puede seguir: un servidor no se detiene
    /// por eso.
    pub fn flush(&mut self) -> io::Result<()> {
        while self.pending() > 0 {
            match self.write_some() {
                Ok(count) => drop(self.queue.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(error) => {
                    self.queue = VecDeque::new();
                    return Err(if is_gone(error) { Errno::EPIPE } else { error }.into());
                }
            }
        }
        // Un atraso pasado no deja su memoria detrás.
        self.queue.shrink_to(PIPE_BUF);
        Ok(())
    }

    /// Espera a que salga lo pendiente: mientras haya quien lea o, si se pidió terminar, mientras no
    /// pase medio segundo sin que salga nada. Errores: los de [`flush`](Output::flush).
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush()?;
        while self.pending() > 0 {
            let before = self.pending();
            let hurried = sleep(self.as_fd(), Patience::EachLine);
            self.flush()?;
            if hurried && self.pending() == before {
                break;
            }
        }
        Ok(())
    }

    fn write_some(&mut self) -> nix::Result<usize> {
        let fd = self.fd.as_fd();
        let bytes = whole_lines(self.queue.make_contiguous());
        match self.manner {
            Manner::Plainly => write(fd, bytes),
            Manner::Sending => {
                send(fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)
            }
            Manner::Asking => match poll(&mut [when_writable(fd)], PollTimeout::ZERO)? {
                0 => Err(Errno::EAGAIN),
                _ => write(fd, bytes),
            },
        }
    }
}

impl AsFd for Output {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn kind(status: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
}

/// Cómo escribir en `fd` sin esperar y, si hace falta, con qué descriptor nuevo.
///
/// El suyo lo comparten otros programas: el intérprete que nos lanzó sigue usándolo, y ponerle
/// O_NONBLOCK se lo pondría también a él (fcntl(2)). Una tubería o una terminal se abren otra vez, y
/// esa apertura es solo nuestra. Un archivo no: perdería por dónde iba.
fn without_blocking(fd: &impl AsFd) -> (Manner, Option<File>) {
    match fstat(fd).map(|status| kind(&status)) {
        Ok(SFlag::S_IFREG) => (Manner::Plainly, None),
        Ok(SFlag::S_IFSOCK) => (Manner::Sending, None),
        _ => match reopen(fd) {
            Ok(own) => (Manner::Plainly, Some(own)),
            Err(_) => (Manner::Asking, None),
        },
    }
}

fn reopen(fd: &impl AsFd) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let open = |path: &str| OpenOptions::new().write(true).custom_flags(flags.bits()).open(path);
    open(&format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd())).or_else(|error| {
        // La terminal es de otro usuario (`sudo -u`), pero la nuestra: tiene otro nombre (tty(4)).
        tcgetpgrp(fd).map_or(Err(error), |_| open("/dev/tty"))
    })
}

/// Se fue quien leía: se cerró la tubería, o la terminal (EIO, ENXIO).
fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::EPIPE | Errno::ECONNRESET | Errno::ENXIO | Errno::EIO)
}

/// Lo que se escribe de una vez: líneas enteras, si caben en [`PIPE_BUF`].
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let Some(most) = bytes.get(..PIPE_BUF) else { return bytes };
    let end = most.iter().rposition(|byte| *byte == b'\n').map_or(PIPE_BUF, |last| last + 1);
    &bytes[..end]
}

/// Duerme hasta que haya sitio. Devuelve si hay prisa: se pidió terminar, o no se espera a nadie;
/// entonces duerme medio segundo como mucho.
fn sleep(fd: BorrowedFd<'_>, patience: Patience) -> bool {
    let stop = Stop::already_set_aside().ok().filter(|stop| !stop.is_requested());
    let hurried = stop.is_none() || patience == Patience::Never;
    let asked = stop.iter().map(|stop| PollFd::new(stop.as_fd(), PollFlags::POLLIN));
    let mut watched: Vec<PollFd<'_>> = iter::once(when_writable(fd)).chain(asked).collect();
    // Si lo interrumpe una señal, quien llama vuelve a mirar.
    let _ = poll(&mut watched, if hurried { FAREWELL.into() } else { PollTimeout::NONE });
    hurried
}

fn when_writable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::new(fd, PollFlags::POLLOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;

    fn into_file(fd: impl Into<OwnedFd>) -> File {
        File::from(fd.into())
    }

    #[test]
    fn f2_una_tubería_llena_no_hace_esperar_y_al_leerla_sale_el_resto() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::to(into_file(writer));
        let sent: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        output.push(&sent);
        output.flush().unwrap();
        assert!((1..sent.len()).contains(&output.pending()), "{}", output.pending());
        let mut received = vec![0; sent.len()];
        let mut count = 0;
        while count < sent.len() {
            count += reader.read(&mut received[count..]).unwrap();
            output.flush().unwrap();
        }
        assert_eq!((output.pending(), received == sent), (0, true));
    }

    #[test]
    fn f2_el_descriptor_de_los_demás_sigue_como_estaba() {
        let (_reader, writer) = io::pipe().unwrap();
        let shared = writer.try_clone().unwrap();
        drop(Output::to(into_file(writer)));
        let flags = nix::fcntl::fcntl(&shared, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert!(!OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn f2_un_socket_lleno_tampoco_hace_esperar() {
        let (mut reader, writer) = UnixStream::pair().unwrap();
        let mut output = Output::to(into_file(writer));
        output.push(&vec![b'x'; 1 << 20]);
        output.flush().unwrap();
        let pending = output.pending();
        assert!((1..1 << 20).contains(&pending), "{pending}");
        assert!(reader.read(&mut [0; 16_384]).unwrap() > 0);
        output.flush().unwrap();
        assert!(output.pending() < pending);
    }

    #[test]
    fn f2_lo_que_no_se_puede_reabrir_se_pregunta_antes() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut output = Output::shared(writer);
        output.push(&vec![b'x'; 70_000]);
        output.flush().unwrap();
        assert!(output.pending() > 0);
        assert!(reader.read(&mut [0; 16_384]).unwrap() > 0);
        output.flush().unwrap();
        assert_eq!(output.pending(), 0);
    }

    #[test]
    fn f25_si_se_fue_quien_leía_lo_pendiente_se_tira_y_se_sigue() {
        let (reader, writer) = io::pipe().unwrap();
        let mut output = Output::to(into_file(writer));
        drop(reader);
        output.push(b"hola\n");
        assert_eq!(output.flush().unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert_eq!(output.pending(), 0);
    }

    #[test]
    fn un_disco_lleno_sí_es_un_error() {
        let mut output = Output::to(OpenOptions::new().write(true).open("/dev/full").unwrap());
        output.push(b"hola\n");
        assert_eq!(output.flush().unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(output.pending(), 0);
    }

    #[test]
    fn de_una_vez_salen_líneas_enteras() {
        assert_eq!(whole_lines(b"una\ny media"), b"una\ny media");
        let long = [&[b'x'; 4000][..], b"\n", &[b'y'; 4000]].concat();
        assert_eq!(whole_lines(&long).len(), 4001);
        assert_eq!(whole_lines(&[b'z'; 5000]).len(), PIPE_BUF);
    }
}
