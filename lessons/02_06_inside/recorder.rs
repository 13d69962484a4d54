//! Graba un servidor mientras funciona: lo arranca bajo strace, apunta lo que pide al núcleo y, entre
//! llamada y llamada, mira lo que el núcleo guarda para él.

mod asleep;

use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use multiplexacion::cli::Trouble;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::Signal;

use crate::calls::Calls;
use crate::calls::family::{Family, family};
use crate::keeper::Keeper;
use crate::places::Places;
use crate::python::{self, Hook, Marks};
use crate::recording::{Header, Place, Record, Sample, VERSION};
use crate::samples;
use crate::signals::{self, Request, Signals};
use crate::strace::{Call, Event, Reader};
use crate::tracer::{self, Tracer};
use asleep::Asleep;

/// Cada cuánto se mira al núcleo, como mucho, mientras el servidor trabaja.
const BUSY: Duration = Duration::from_millis(5);

/// Cada cuánto, mientras duerme: quien llega a la cola no lo despierta si está en otra cosa.
const QUIET: Duration = Duration::from_millis(50);

/// Cuánto se espera para ver si un hilo se ha dormido.
const SOON: Duration = Duration::from_millis(2);

/// Lo que dura una espera que seguro que durmió, en microsegundos.
const LONG: u64 = 20_000;

/// Cómo se graba.
#[derive(Clone, Debug)]
pub struct Options {
    /// Si se apunta desde qué línea del código sale cada llamada. Cuesta: véase [`record`].
    pub places: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options { places: true }
    }
}

/// Lo que quedó al terminar.
#[derive(Debug)]
pub struct Ended {
    /// La grabación, con el principio y el final si era demasiado larga: menos de 2 MB.
    pub records: Vec<Record>,
    /// Cuántas llamadas no cupieron en ella.
    pub omitted: u64,
    /// Con qué código terminó el programa.
    pub code: Option<i32>,
    /// O qué señal lo mató.
    pub signal: Option<String>,
    /// Si llegó a escuchar.
    pub listened: bool,
    /// Con qué señal se pidió que terminara, la primera vez; ninguna, si terminó por su cuenta.
    pub asked: Option<Signal>,
}

/// Graba `command` hasta que termina. Llama a `sink` con cada línea en cuanto se sabe; una llamada en
/// la que un hilo se duerme llega dos veces, y la primera sin lo que duró. `sink` las recibe todas;
/// [`Ended::records`], las que caben.
///
/// La primera señal (SIGINT, SIGTERM, SIGHUP) es para el servidor, y se le pasa si no le llegó ya con
/// Ctrl-C; con la segunda, se le mata. Si quien graba tiene más hilos, han de crearse con esas señales
/// ya apartadas, con [`Signals::aside`]: pthread_sigmask(3).
///
/// Ser observado cuesta. Con un eco de un mensaje cada vez, en una máquina de dos procesadores muy
/// ocupada, una ida y vuelta pasó en C de 0,2 ms a 1,6 sin los sitios del código, y a 9 con ellos; y
/// en un programa de Rust sin optimizar, cuya tabla de símbolos es grande, de 0,4 a 50 con los sitios. En
/// Python, con la máquina menos ocupada, de 0,04 a 0,15 sin ellos y a 0,3 con ellos. Lo que se ve es lo
/// que pasa; lo que tarda, no.
///
/// Errores: no hay strace, o no puede mirar; la orden no existe, o no se puede ejecutar.
pub fn record(
    command: &[OsString],
    options: &Options,
    sink: impl FnMut(&Record),
) -> Result<Ended, Trouble> {
    let Some(name) = command.first() else {
        return Err(Trouble::new("falta la orden que arranca el servidor", "escríbela tras --"));
    };
    let program = tracer::program(name)?;
    tracer::can_observe("")?;
    let hook = options.places.then(|| Hook::of(&program, command)).flatten();
    let places = match (options.places, &hook) {
        (false, _) => Places::default(),
        (true, None) => Places::of(&program),
        (true, Some(_)) => Places::told(),
    };
    let stacks = places.on();
    let now = since_1970();
    let mut recorder = Recorder::new(now, places, sink);
    recorder.tell(&Record::Recording(Header {
        version: VERSION,
        command: command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        started: now / 1_000_000,
    }));
    let signals = Signals::aside()?;
    let mut tracer = Tracer::start(command, stacks, hook.as_ref())?;
    recorder.follow(&mut tracer, &signals)?;
    let status = tracer.wait()?;
    if recorder.not_a_program {
        return Err(Trouble::new(
            format!("«{}» no es un programa que el núcleo sepa ejecutar", name.to_string_lossy()),
            "si es un guion, pon delante su intérprete: python3, node, sh…",
        ));
    }
    let signal = status.signal().and_then(|number| Signal::try_from(number).ok());
    Ok(Ended {
        records: recorder.keeper.records().collect(),
        omitted: recorder.keeper.gap().map_or(0, |gap| gap.count),
        code: status.code(),
        signal: signal.map(|signal| signal.as_str().to_owned()),
        listened: recorder.listened,
        asked: recorder.asked,
    })
}

struct Recorder<S> {
    sink: S,
    keeper: Keeper<Record>,
    /// Cuándo empezó: microsegundos desde 1970.
    origin: u64,
    reader: Reader,
    calls: Calls,
    places: Places,
    /// Lo que Python va diciendo de sus sitios.
    marks: Marks,
    asleep: Asleep,
    /// Lo último que se supo, mientras llega desde dónde se llamó; y el hilo, por su número en el
    /// núcleo.
    held: Option<(u32, Vec<Record>)>,
    last_sample: (Instant, Sample),
    /// Lo que costó mirar la última vez.
    sampling: Duration,
    listened: bool,
    asked: Option<Signal>,
    not_a_program: bool,
}

impl<S: FnMut(&Record)> Recorder<S> {
    fn new(origin: u64, places: Places, sink: S) -> Recorder<S> {
        Recorder {
            sink,
            keeper: Keeper::default(),
            origin,
            reader: Reader::default(),
            calls: Calls::since(origin),
            places,
            marks: Marks::default(),
            asleep: Asleep::default(),
            held: None,
            last_sample: (Instant::now(), Sample::default()),
            sampling: Duration::ZERO,
            listened: false,
            asked: None,
            not_a_program: false,
        }
    }

    /// Hasta que strace termina, o se le deja de oír.
    fn follow(&mut self, tracer: &mut Tracer, signals: &Signals) -> Result<(), Trouble> {
        loop {
            let waiting = self.held.is_some() || self.asleep.undecided();
            let (readable, signalled) = ready(tracer, signals, if waiting { SOON } else { QUIET })?;
            if signalled && let Some(request) = signals.take() {
                self.requested(request);
            }
            let mut piece = Vec::new();
            if readable {
                piece = tracer.read()?;
                if piece.is_empty() {
                    break;
                }
            } else if tracer.gave_up() {
                continue;
            }
            let events = self.reader.feed(&piece);
            let worked = !events.is_empty();
            for event in &events {
                self.happened(event);
            }
            self.settle(tracer);
            let fell_asleep = self.look_for_sleepers(tracer);
            self.look_at_the_kernel(fell_asleep, worked);
        }
        self.release();
        // Si strace muere antes que el programa, nadie queda atrás.
        signals::send(Signal::SIGKILL, self.calls.processes().map(|(pid, _)| pid));
        Ok(())
    }

    /// La primera vez, se le pasa al servidor; la segunda, se le mata.
    fn requested(&mut self, request: Request) {
        let everyone = self.calls.processes().map(|(pid, _)| pid);
        match self.asked {
            Some(_) => signals::send(Signal::SIGKILL, everyone),
            None if request.to_all => {}
            None => signals::send(request.signal, everyone),
        }
        self.asked.get_or_insert(request.signal);
    }

    fn tell(&mut self, record: &Record) {
        self.keeper.push(record, record.clone());
        (self.sink)(record);
    }

    fn happened(&mut self, event: &Event) {
        if let Event::Frame(frame) = event {
            if self.held.is_some() {
                self.places.push(frame);
            }
            return;
        }
        self.release();
        let (mut slept, mut at) = (false, Vec::new());
        match event {
            Event::Begun(call) | Event::Ended(call) if python::carries(&call.name) => {
                self.marks.read(call, |places| self.places.checked(places));
                return;
            }
            Event::Begun(call) => self.asleep.begun(call),
            Event::Ended(call) => {
                slept = self.asleep.ended(call.thread) || is_long_wait(call);
                at = self.marks.of(call);
                self.listened |= call.name == "listen" && call.succeeded();
                let nothing = !self.calls.has_any();
                self.not_a_program |= nothing && call.name == "execve" && !call.succeeded();
            }
            Event::Exited { thread, .. } => {
                self.asleep.ended(*thread);
                self.marks.forget(*thread);
            }
            Event::Signal { .. } | Event::Frame(_) => {}
        }
        let mut records = self.calls.read(event);
        if let Some(Record::Call(call)) = records.last_mut() {
            call.slept = slept;
        }
        match event {
            Event::Ended(call) if !records.is_empty() && self.places.on() => {
                self.held = Some((call.thread, records));
            }
            _ => self.tell_from(at, records),
        }
    }

    /// Lo retenido ya tiene todos sus sitios si el hilo ha seguido su camino: strace los escribe
    /// mientras lo tiene detenido.
    fn settle(&mut self, tracer: &Tracer) {
        let Some((thread, _)) = &self.held else { return };
        if asleep::state(*thread) != Some('t') && tracer.is_silent() {
            self.release();
        }
    }

    fn release(&mut self) {
        let Some((_, records)) = self.held.take() else { return };
        let at = self.places.take();
        self.tell_from(at, records);
    }

    /// Lo que se sabe de una llamada hecha desde `at`; antes, el código que aún no se ha apuntado.
    fn tell_from(&mut self, at: Vec<Place>, mut records: Vec<Record>) {
        if records.is_empty() {
            return;
        }
        for source in self.places.sources(&at) {
            self.tell(&source);
        }
        if let Some(Record::Call(call)) = records.last_mut() {
            call.at = at;
        }
        for record in records {
            self.tell(&record);
        }
    }

    /// Apunta quién se ha dormido desde la última vez.
    fn look_for_sleepers(&mut self, tracer: &Tracer) -> bool {
        let sleepers = self.asleep.new_ones(|| tracer.is_silent());
        let mut any = false;
        for call in sleepers {
            let records = self.calls.asleep(&call);
            any |= !records.is_empty();
            // Lo que ocurrió antes va antes.
            self.release();
            let at = self.marks.of(&call);
            self.tell_from(at, records);
        }
        any
    }

    /// Mira al núcleo si toca, y lo apunta si algo cambió.
    fn look_at_the_kernel(&mut self, fell_asleep: bool, worked: bool) {
        let pause = if worked { BUSY } else { QUIET }.max(self.sampling * 10);
        let (last, before) = &self.last_sample;
        if !self.calls.has_sockets() || (!fell_asleep && last.elapsed() < pause) {
            return;
        }
        let began = Instant::now();
        let known = self.calls.processes().filter_map(|(pid, thread)| Some((pid, thread?)));
        let sample = samples::take(known);
        self.sampling = began.elapsed();
        if sample == *before {
            self.last_sample.0 = Instant::now();
            return;
        }
        let us = since_1970().saturating_sub(self.origin);
        self.last_sample = (Instant::now(), sample.clone());
        self.release();
        self.tell(&Record::Sample(Sample { us, ..sample }));
    }
}

/// Una espera larga, aunque nadie la viera dormir: a quien mira también le falta a veces el procesador.
fn is_long_wait(call: &Call) -> bool {
    let waits = matches!(family(&call.name), Family::Wait(_) | Family::Nap);
    waits && call.took.is_some_and(|took| took >= LONG)
}

fn since_1970() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// Duerme hasta que strace diga algo, llegue una señal o pase el plazo.
fn ready(tracer: &Tracer, signals: &Signals, limit: Duration) -> io::Result<(bool, bool)> {
    let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::NONE);
    let mut watched = [
        PollFd::new(tracer.as_fd(), PollFlags::POLLIN),
        PollFd::new(signals.as_fd(), PollFlags::POLLIN),
    ];
    match poll(&mut watched, limit) {
        Ok(_) => {}
        Err(Errno::EINTR) => return Ok((false, false)),
        Err(error) => return Err(error.into()),
    }
    let [strace, signal] = watched.map(|it| it.any().unwrap_or(false));
    Ok((strace, signal))
}
