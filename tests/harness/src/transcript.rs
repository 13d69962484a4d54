//! El acta de una conversación: quién hizo qué y cuándo, en el orden en que ocurrió.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use crate::failure::Failure;
use crate::log::{Event, Log, PeerId, What};
use crate::program::activities;
use crate::readable::{self, FrameView};
use crate::replay;
use crate::wording;

/// Con más sucesos que estos, el informe se queda con los de su protagonista.
const WHOLE_REPORT: usize = 60;
/// Y si aun así son muchos, con los primeros y los últimos.
const FIRST_EVENTS: usize = 15;
const LAST_EVENTS: usize = 30;

/// Bajo qué título se cuenta lo que hacía el servidor cuando a alguien se le acabó la espera.
pub(crate) const MEANWHILE: &str = "Mientras tanto";

/// El acta que comparten todos los participantes de una [`Conversation`](crate::Conversation).
///
/// En los informes es una línea por suceso, con los milisegundos desde el comienzo, quién, `→` al
/// servidor o `←` del servidor, y los bytes.
#[derive(Debug, Clone)]
pub(crate) struct Transcript(Arc<Shared>);

/// El servidor, hasta donde se sabe de él.
#[derive(Debug)]
pub(crate) struct Watched {
    /// Los procesos que lo encabezan: casi siempre uno.
    pub(crate) heads: Vec<u32>,
    /// Si se le puede detener un momento sin que nadie lo note.
    pub(crate) may_stop: bool,
}

#[derive(Debug)]
struct Shared {
    address: SocketAddr,
    in_frames: bool,
    started: Instant,
    log: Mutex<Log>,
    /// Los procesos del servidor, si se saben.
    server: OnceLock<Watched>,
    /// Algo de lo que se quiso hacer con el servidor no se pudo: la etapa prueba menos.
    fell_short: AtomicBool,
    witness: OnceLock<fn() -> Vec<String>>,
    unrepeatable: AtomicBool,
}

impl Transcript {
    pub(crate) fn new(address: SocketAddr, in_frames: bool) -> Self {
        Self(Arc::new(Shared {
            address,
            in_frames,
            started: Instant::now(),
            log: Mutex::default(),
            server: OnceLock::new(),
            fell_short: AtomicBool::new(false),
            witness: OnceLock::new(),
            unrepeatable: AtomicBool::new(false),
        }))
    }

    pub(crate) fn introduce(&self, name: &str) -> PeerId {
        let mut log = self.log();
        log.names.push(name.to_owned());
        log.names.len() - 1
    }

    pub(crate) fn record(&self, peer: PeerId, what: What) {
        let at = self.0.started.elapsed();
        self.log().events.push(Event { at, peer, what });
    }

    /// El servidor es ese: cada fallo contará qué hacía cuando ocurrió, y no después, cuando quienes
    /// hablaban con él ya se han ido.
    pub(crate) fn watch(&self, server: Watched) {
        // Una conversación es con un solo servidor.
        let _ = self.0.server.set(server);
    }

    /// Los procesos del servidor, para mirarlos; si no se saben, queda apuntado.
    pub(crate) fn visible(&self) -> Option<&[u32]> {
        self.noting_none(self.0.server.get())
    }

    /// Los procesos del servidor, para detenerlos; si no se puede, queda apuntado.
    pub(crate) fn stoppable(&self) -> Option<&[u32]> {
        self.noting_none(self.0.server.get().filter(|server| server.may_stop))
    }

    fn noting_none<'server>(&self, server: Option<&'server Watched>) -> Option<&'server [u32]> {
        if server.is_none() {
            self.0.fell_short.store(true, Ordering::Relaxed);
        }
        server.map(|server| &*server.heads)
    }

    /// Si faltó alguna vez un proceso al que mirar o detener.
    pub(crate) fn fell_short(&self) -> bool {
        self.0.fell_short.load(Ordering::Relaxed)
    }

    pub(crate) fn witnessed_by(&self, witness: fn() -> Vec<String>) {
        // El primero que se dijo: los demás no pueden ver otra cosa.
        let _ = self.0.witness.set(witness);
    }

    pub(crate) fn unrepeatable(&self) {
        self.0.unrepeatable.store(true, Ordering::Relaxed);
    }

    /// Lo que dice quien mira al servidor, si alguien lo mira.
    pub(crate) fn meanwhile(&self) -> Vec<String> {
        self.0.witness.get().map(|witness| witness()).unwrap_or_default()
    }

    /// Un fallo con la conversación, vista por quien la protagoniza, y la forma de repetirla.
    pub(crate) fn failure(&self, headline: impl Into<String>, protagonist: PeerId) -> Failure {
        let address = self.0.address;
        let failure = self.attach_to(Failure::new(headline), Some(protagonist));
        if self.0.unrepeatable.load(Ordering::Relaxed) {
            return failure;
        }
        let commands = replay::commands(&self.log(), address);
        failure.replayed_by(address, commands)
    }

    /// Añade a un fallo el acta de la conversación.
    pub(crate) fn attach_to(&self, failure: Failure, protagonist: Option<PeerId>) -> Failure {
        let title = format!(
            "La conversación con {} (ms desde el comienzo; → al servidor, ← del servidor)",
            self.0.address
        );
        let doing = self.0.server.get().and_then(|server| activities(&server.heads));
        failure.while_doing(doing).section(title, self.lines(protagonist))
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        // Si una prueba entró en pánico con el cerrojo tomado, el acta sigue siendo útil.
        self.0.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self, protagonist: Option<PeerId>) -> Vec<String> {
        let log = self.log();
        let mut views: Vec<Views> = log.names.iter().map(|_| Views::default()).collect();
        let focus = protagonist.filter(|_| log.events.len() > WHOLE_REPORT);
        let mut entries = Vec::new();
        for event in &log.events {
            let contents = self.describe(&event.what, &mut views[event.peer]);
            if focus.is_none_or(|peer| peer == event.peer) {
                entries.push((event, contents));
            }
        }
        let others = log.events.len() - entries.len();
        let width = entries
            .iter()
            .map(|(event, _)| log.names[event.peer].chars().count())
            .max()
            .unwrap_or(0);
        let entries = folded(&entries)
            .into_iter()
            .map(|(event, contents)| entry(event, &log.names[event.peer], width, &contents));
        let mut lines = abbreviated(entries.collect());
        if others > 0 {
            lines.push(format!(
                "(y {} de los demás participantes)",
                wording::quantity(others, "suceso", "sucesos")
            ));
        }
        lines
    }

    fn describe(&self, what: &What, views: &mut Views) -> Vec<String> {
        let shown = |bytes: &[u8], view: &mut FrameView| {
            if self.0.in_frames { view.describe(bytes) } else { readable::quoted_lines(bytes) }
        };
        match what {
            What::Sent(delivery) => {
                let sent = &delivery.bytes[..delivery.sent];
                [delivery.notes(), shown(sent, &mut views.sent)].concat()
            }
            What::Received(bytes) => shown(bytes, &mut views.received),
            What::Connected(local) => vec![format!("se conecta desde {local}")],
            What::Paused(span) => vec![format!("pausa de {}", wording::duration(*span))],
            What::HalfClosed => vec!["cierra su lado (FIN) y sigue leyendo".to_owned()],
            What::Closed => vec!["cierra".to_owned()],
            What::Reset => vec!["reinicia la conexión (RST)".to_owned()],
            What::Ended => vec!["fin de la conexión (FIN)".to_owned()],
            What::WasReset => vec!["reinicio de la conexión (RST)".to_owned()],
            What::Silence(span) => vec![format!("nada en {}", wording::duration(*span))],
        }
    }
}

/// Lo que se lleva visto de cada sentido de una conexión.
#[derive(Default)]
struct Views {
    sent: FrameView,
    received: FrameView,
}

/// Un suceso: la primera línea con su momento y su nombre, las demás debajo del contenido.
fn entry(event: &Event, name: &str, width: usize, contents: &[String]) -> Vec<String> {
    let lead = format!("{:>6}  {name:<width$}  {}  ", event.at.as_millis(), event.what.arrow());
    let blank = " ".repeat(lead.chars().count());
    contents
        .iter()
        .enumerate()
        .map(|(index, line)| format!("{}{line}", if index == 0 { &lead } else { &blank }))
        .collect()
}

/// Lo que a alguien le ocurre varias veces seguidas, una sola, y cuántas fueron.
fn folded<'log>(entries: &[(&'log Event, Vec<String>)]) -> Vec<(&'log Event, Vec<String>)> {
    let mut folded = Vec::new();
    let alike = |one: &(&Event, Vec<String>), other: &(&Event, Vec<String>)| {
        (one.0.peer, one.0.what.arrow(), &one.1) == (other.0.peer, other.0.what.arrow(), &other.1)
    };
    for group in entries.chunk_by(alike) {
        let (event, mut contents) = group[0].clone();
        match group.len() - 1 {
            0 => {}
            1 => contents.push("(y otra vez lo mismo)".to_owned()),
            more => contents.push(format!("(y {} veces más lo mismo)", wording::grouped(more))),
        }
        folded.push((event, contents));
    }
    folded
}

fn abbreviated(mut entries: Vec<Vec<String>>) -> Vec<String> {
    let count = entries.len();
    if count > WHOLE_REPORT {
        let skipped = count - FIRST_EVENTS - LAST_EVENTS;
        let note = format!("  … {} más …", wording::quantity(skipped, "suceso", "sucesos"));
        entries.splice(FIRST_EVENTS..count - LAST_EVENTS, [vec![note]]);
    }
    entries.concat()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::{Delivery, Manner};

    fn sent(text: &str) -> What {
        let bytes = text.as_bytes().to_vec();
        What::Sent(Delivery { sent: bytes.len(), bytes, manner: Manner::AtOnce })
    }

    fn without_moments(lines: &[String]) -> Vec<&str> {
        lines.iter().map(|line| line[6..].trim_start()).collect()
    }

    #[test]
    fn los_nombres_se_alinean_y_los_marcos_siguen_por_donde_iban() {
        let transcript = Transcript::new(([127, 0, 0, 1], 1).into(), true);
        let ana = transcript.introduce("ana");
        let beto = transcript.introduce("beto");
        transcript.record(ana, sent("\0\0\0\x04ho"));
        transcript.record(beto, What::Paused(Duration::from_secs(2)));
        transcript.record(ana, sent("la"));
        assert_eq!(
            without_moments(&transcript.lines(None)),
            [
                r#"ana   →  [comienzo de un marco de 4 bytes] "ho""#,
                "beto  ·  pausa de 2 s",
                r#"ana   →  [final del marco de 4 bytes] "la""#,
            ]
        );
    }

    #[test]
    fn lo_que_se_repite_se_cuenta_una_vez() {
        let transcript = Transcript::new(([127, 0, 0, 1], 1).into(), false);
        let ana = transcript.introduce("ana");
        for _ in 0..300 {
            transcript.record(ana, What::Received(b"hola".to_vec()));
        }
        transcript.record(ana, What::Ended);
        assert_eq!(
            without_moments(&transcript.lines(Some(ana))),
            [r#"ana  ←  "hola""#, "(y 299 veces más lo mismo)", "ana  ←  fin de la conexión (FIN)"]
        );
    }

    #[test]
    fn lo_que_no_se_puede_repetir_a_mano_no_se_intenta() {
        let talk = |count: usize| {
            let transcript = Transcript::new(([127, 0, 0, 1], 1).into(), false);
            for number in 1..=count {
                let peer = transcript.introduce(&format!("cliente {number}"));
                transcript.record(peer, sent("hola"));
            }
            transcript
        };
        let replay = |transcript: &Transcript| transcript.failure("Falló.", 0).replay();
        assert!(replay(&talk(6)).is_some());
        assert_eq!(replay(&talk(7)), None, "son demasiados");
        let reset = talk(2);
        reset.record(1, What::Reset);
        assert_eq!(replay(&reset), None, "`nc` no sabe enviar un RST");
        let inside = talk(1);
        inside.unrepeatable();
        assert_eq!(replay(&inside), None, "depende de la prueba");
    }

    #[test]
    fn si_hay_demasiados_sucesos_quedan_los_del_protagonista() {
        let transcript = Transcript::new(([127, 0, 0, 1], 1).into(), false);
        for number in 1..=100 {
            let peer = transcript.introduce(&format!("cliente {number}"));
            transcript.record(peer, sent("hola"));
            transcript.record(peer, What::Received(b"hola".to_vec()));
        }
        let lines = transcript.lines(Some(41));
        assert_eq!(lines.len(), 3);
        assert!(lines[0].ends_with(r#"cliente 42  →  "hola""#));
        assert_eq!(lines[2], "(y 198 sucesos de los demás participantes)");
        let everything = transcript.lines(None);
        assert_eq!(everything.len(), FIRST_EVENTS + 1 + LAST_EVENTS);
        assert_eq!(everything[FIRST_EVENTS], "  … 155 sucesos más …");
    }
}
