//! Una salida por líneas, que comparten los hilos del programa.

use std::io;
use std::mem;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nix::poll::{PollTimeout, poll};
use nix::sys::stat::{SFlag, fstat};

use super::{Descriptor, Output, Patience, kind, sleep, when_writable};
use crate::threads;

/// Bytes que esperan a quien lee, como mucho.
const MOST: usize = 1024 * 1024;

/// La pila del hilo que vacía lo atrasado, que no hace otra cosa.
const STACK: usize = 64 * 1024;

/// Cómo se trata a quien lee; es de todo el programa.
static PATIENCE: Mutex<Patience> = Mutex::new(Patience::EachLine);

static STDOUT: OnceLock<Lines> = OnceLock::new();
static STDERR: OnceLock<Lines> = OnceLock::new();

/// Una salida por líneas: entran enteras, en orden, aunque hablen varios hilos.
///
/// Cada línea se escribe ya. La que no cabe espera en una cola, y un hilo auxiliar la vacía según
/// se lee; mientras no haya atraso, no existe.
#[derive(Clone, Debug)]
pub struct Lines {
    state: Arc<Mutex<State>>,
    /// Lo que dice cuántas se perdieron.
    notice: fn(usize) -> String,
}

#[derive(Debug)]
struct State {
    output: Output,
    /// Líneas perdidas de las que aún no se ha avisado.
    lost: usize,
    /// Si el hilo auxiliar está en marcha.
    helped: bool,
}

/// Cambia cómo se trata, desde ahora, a quien lee las salidas del programa.
pub fn set_patience(patience: Patience) {
    *locked(&PATIENCE) = patience;
}

/// La salida estándar, por líneas.
pub fn stdout() -> &'static Lines {
    STDOUT.get_or_init(|| Lines::standard(Output::stdout, io::stdout()))
}

/// La de errores. Si es la misma tubería o la misma terminal que la estándar, comparten la cola: así
/// lo atrasado sale en el orden en que se dijo.
pub fn stderr() -> &'static Lines {
    STDERR.get_or_init(|| {
        if are_the_same() {
            stdout().clone()
        } else {
            Lines::standard(Output::stderr, io::stderr())
        }
    })
}

/// Espera a que salga lo pendiente en la salida estándar y en la de errores. Véase
/// [`Lines::finish`].
pub fn finish() {
    for lines in [&STDOUT, &STDERR] {
        lines.get().into_iter().for_each(Lines::finish);
    }
}

fn are_the_same() -> bool {
    let Ok((one, other)) = fstat(io::stdout()).and_then(|one| Ok((one, fstat(io::stderr())?)))
    else {
        return false;
    };
    // Un archivo no se atrasa nunca, y abierto dos veces tiene dos posiciones.
    kind(&one) != SFlag::S_IFREG && (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}

fn notice(lost: usize) -> String {
    match lost {
        1 => "(Aquí falta una línea: nadie leía la salida.)\n".to_owned(),
        _ => format!("(Aquí faltan {lost} líneas: nadie leía la salida.)\n"),
    }
}

impl Lines {
    /// Una salida por líneas. `notice` da la línea que dirá cuántas se perdieron, con su fin de
    /// línea.
    pub fn new(output: Output, notice: fn(usize) -> String) -> Lines {
        let state = State { output, lost: 0, helped: false };
        Lines { state: Arc::new(Mutex::new(state)), notice }
    }

    /// Una herramienta espera a cada línea, y puede arrancar otros programas: deja la salida como
    /// está.
    fn standard(taken: fn() -> Output, fd: impl Descriptor + 'static) -> Lines {
        let output = match *locked(&PATIENCE) {
            Patience::EachLine => Output::shared(fd),
            Patience::WhenFull | Patience::Never => taken(),
        };
        Lines::new(output, notice)
    }

    /// Escribe una línea, que ya lleva su fin de línea; si no cabe, queda en la cola. Errores: los
    /// de [`Output::flush`].
    pub fn put(&self, line: &str) -> io::Result<()> {
        self.put_with(*locked(&PATIENCE), line)
    }

    fn put_with(&self, patience: Patience, line: &str) -> io::Result<()> {
        let mut state = locked(&self.state);
        if patience == Patience::Never && !state.has_room_for(line) {
            state.lost += 1;
        } else {
            state.output.push(line.as_bytes());
        }
        let written = self.flush(&mut state);
        let state = match patience {
            Patience::EachLine => self.wait(state, 0, patience),
            Patience::WhenFull => self.wait(state, MOST, patience),
            Patience::Never => state,
        };
        self.get_help(state);
        written
    }

    /// Espera a que salga lo pendiente: mientras haya quien lea o, si se pidió terminar o el
    /// programa no espera a nadie, mientras no pase medio segundo sin que salga nada.
    pub fn finish(&self) {
        drop(self.wait(locked(&self.state), 0, *locked(&PATIENCE)));
    }

    /// Espera a que lo pendiente baje hasta `most` bytes.
    fn wait<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        most: usize,
        patience: Patience,
    ) -> MutexGuard<'a, State> {
        while state.output.pending() > most {
            let (fd, before) = (state.fd(), state.output.pending());
            drop(state);
            let hurried = sleep(fd.as_fd(), patience);
            state = locked(&self.state);
            let _ = self.flush(&mut state);
            if hurried && state.output.pending() >= before {
                break;
            }
        }
        state
    }

    /// Si quedó algo pendiente y nadie lo está vaciando, arranca el hilo que lo vacía. Sin hilos
    /// libres, lo intentará la línea siguiente.
    fn get_help(&self, mut state: MutexGuard<'_, State>) {
        if state.output.pending() > 0 && !state.helped {
            let theirs = self.clone();
            let helper = threads::create("salida", STACK, |it| it.spawn(move || theirs.help()));
            state.helped = helper.is_ok();
        }
    }

    /// El hilo auxiliar: espera a que haya sitio y escribe, hasta que no quede nada.
    fn help(&self) {
        let mut state = locked(&self.state);
        while state.output.pending() > 0 {
            let fd = state.fd();
            drop(state);
            let _ = poll(&mut [when_writable(fd.as_fd())], PollTimeout::NONE);
            state = locked(&self.state);
            let _ = self.flush(&mut state);
        }
        state.helped = false;
    }

    /// Escribe lo que quepa. Tras perder líneas, cuando vuelve a haber sitio de sobra se dice
    /// cuántas, una vez y en su lugar.
    fn flush(&self, state: &mut State) -> io::Result<()> {
        let written = state.output.flush();
        if state.lost > 0 && state.output.pending() <= MOST / 2 {
            let notice = (self.notice)(mem::take(&mut state.lost));
            state.output.push(notice.as_bytes());
            return written.and(state.output.flush());
        }
        written
    }
}

impl State {
    /// Si cabe una línea más. Tras perder una, ninguna hasta que se haya avisado.
    fn has_room_for(&self, line: &str) -> bool {
        let pending = self.output.pending();
        self.lost == 0 && (pending == 0 || pending + line.len() <= MOST)
    }

    fn fd(&self) -> Arc<dyn Descriptor> {
        Arc::clone(&self.output.fd)
    }
}

/// Un pánico con el cerrojo echado no deja una línea a medias: la cola se escribe entera.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{BufRead, BufReader, PipeReader};
    use std::os::fd::OwnedFd;
    use std::thread;

    /// Una tubería que nadie ha leído todavía.
    fn unread() -> (PipeReader, Lines) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, Lines::new(Output::to(File::from(OwnedFd::from(writer))), notice))
    }

    fn line(number: usize) -> String {
        format!("{number:0>99}\n")
    }

    fn number(line: &str) -> usize {
        line.parse().unwrap()
    }

    /// Lo que lee, hasta el final, alguien que llega tarde.
    fn read_all(reader: PipeReader, lines: Lines) -> Vec<String> {
        let reading =
            thread::spawn(|| BufReader::new(reader).lines().map(Result::unwrap).collect());
        lines.finish();
        drop(lines);
        reading.join().unwrap()
    }

    fn says(lines: &Lines, count: usize, patience: Patience) {
        (0..count).for_each(|number| lines.put_with(patience, &line(number)).unwrap());
    }

    #[test]
    fn f2_quien_llega_tarde_lo_recibe_todo_y_en_orden() {
        let (reader, lines) = unread();
        says(&lines, 5_000, Patience::Never);
        let received = read_all(reader, lines);
        assert!(received.iter().map(|line| number(line)).eq(0..5_000));
    }

    #[test]
    fn f2_lo_que_no_cabe_se_pierde_y_en_su_lugar_se_dice_cuánto() {
        let (reader, lines) = unread();
        says(&lines, 20_000, Patience::Never);
        let lost = locked(&lines.state).lost;
        assert!(lost > 0);
        let mut received = read_all(reader, lines);
        assert_eq!(received.pop().unwrap() + "\n", notice(lost));
        assert_eq!(received.len() + lost, 20_000);
        assert!(received.iter().map(|line| number(line)).eq(0..received.len()));
    }

    #[test]
    fn f2_una_herramienta_espera_a_quien_lee_y_no_pierde_nada() {
        let (reader, lines) = unread();
        let speaking = lines.clone();
        let speaker = thread::spawn(move || says(&speaking, 20_000, Patience::EachLine));
        let received = BufReader::new(reader).lines().take(20_000);
        assert!(received.map(|line| number(&line.unwrap())).eq(0..20_000));
        speaker.join().unwrap();
        assert_eq!(locked(&lines.state).output.pending(), 0);
    }

    #[test]
    fn f2_una_demostración_espera_solo_cuando_no_cabe_más() {
        let (reader, lines) = unread();
        says(&lines, 5_000, Patience::WhenFull);
        let speaking = lines.clone();
        let speaker = thread::spawn(move || says(&speaking, 15_000, Patience::WhenFull));
        assert_eq!(BufReader::new(reader).lines().take(20_000).count(), 20_000);
        speaker.join().unwrap();
    }

    #[test]
    fn f2_las_líneas_de_varios_hilos_no_se_mezclan() {
        let (reader, lines) = unread();
        thread::scope(|scope| {
            for speaker in 'a'..='h' {
                let lines = &lines;
                let line = format!("{}\n", speaker.to_string().repeat(99));
                scope.spawn(move || {
                    (0..500).for_each(|_| lines.put_with(Patience::Never, &line).unwrap());
                });
            }
        });
        let received = read_all(reader, lines);
        assert_eq!(received.len(), 8 * 500);
        assert!(received.iter().all(|line| *line == line[..1].repeat(99)));
    }

    #[test]
    fn f2_al_terminar_no_se_espera_para_siempre_a_quien_no_lee() {
        let (_reader, lines) = unread();
        says(&lines, 5_000, Patience::Never);
        drop(lines.wait(locked(&lines.state), 0, Patience::Never));
        assert!(locked(&lines.state).output.pending() > 0);
    }
}
