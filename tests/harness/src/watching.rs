//! Qué descriptores vigila quien duerme en select(2), poll(2) o epoll_wait(2), y hasta cuándo.
//!
//! Se lee de la memoria del programa (`/proc/PID/mem`) lo que la llamada recibió, que sigue ahí
//! mientras duerme; y lo registrado en un epoll, de `/proc/PID/fdinfo`.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use nix::poll::PollFlags;
use nix::sys::epoll::EpollFlags;
use nix::sys::select::FD_SETSIZE;

use crate::wording;

/// Más que estos no se leen.
const MAX_WATCHED: usize = 1024;

/// Y más que estos no se enumeran.
const FEW: usize = 8;

/// Lo que una llamada vigila.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Watching {
    /// `nfds`, en `select`: solo mira los descriptores menores.
    pub bound: Option<u64>,
    /// Cada descriptor, y para qué.
    pub descriptors: Vec<(u64, String)>,
    /// Hasta cuándo: «sin plazo», «como mucho 5 s».
    pub until: String,
}

impl Watching {
    /// Los descriptores anotados que `nfds` deja fuera.
    pub fn unseen(&self) -> impl Iterator<Item = u64> {
        let bound = self.bound.unwrap_or(u64::MAX);
        self.descriptors.iter().map(|(fd, _)| *fd).filter(move |fd| *fd >= bound)
    }

    /// `sin plazo y con nfds = 6; vigila 3 para leer, 5 para escribir`, con cada descriptor dicho como
    /// diga `describe`.
    pub fn told(&self, describe: impl Fn(u64) -> String) -> String {
        let bound = self.bound.map(|bound| format!(" y con nfds = {bound}")).unwrap_or_default();
        let mut watched: Vec<String> = self
            .descriptors
            .iter()
            .take(FEW)
            .map(|(fd, purpose)| format!("{} {purpose}", describe(*fd)))
            .collect();
        if self.descriptors.len() > FEW {
            watched.push(format!("y {} más", self.descriptors.len() - FEW));
        }
        let watched = if watched.is_empty() {
            "no vigila nada".to_owned()
        } else {
            format!("vigila {}", watched.join(", "))
        };
        format!("{}{bound}; {watched}", self.until)
    }

    /// Lo de `select` o `pselect`, según sus argumentos.
    pub(crate) fn select(memory: &Memory, arguments: [u64; 6], unit: Unit) -> Option<Watching> {
        let [bound, reading, writing, _, timeout, _] = arguments;
        let (reading, writing) = (memory.set(reading)?, memory.set(writing)?);
        let both = reading.union(&writing).copied();
        let purpose = |fd| match (reading.contains(&fd), writing.contains(&fd)) {
            (true, true) => "para leer y escribir",
            (true, false) => "para leer",
            _ => "para escribir",
        };
        Some(Watching {
            bound: Some(bound),
            descriptors: both.map(|fd| (fd, purpose(fd).to_owned())).collect(),
            until: memory.timeout(timeout, unit)?,
        })
    }

    /// Lo de `poll` o `ppoll`; `until` es su plazo.
    pub(crate) fn poll(memory: &Memory, array: u64, count: u64, until: String) -> Option<Watching> {
        let count = usize::try_from(count).ok()?.min(MAX_WATCHED);
        let bytes = memory.read(array, count * 8)?;
        // struct pollfd: int fd; short events; short revents.
        let entry = |bytes: &[u8]| {
            let fd = i32::from_ne_bytes(bytes[..4].try_into().ok()?);
            let events = PollFlags::from_bits_retain(i16::from_ne_bytes([bytes[4], bytes[5]]));
            let flags: Vec<_> = events.iter_names().map(|(name, _)| name).collect();
            Some((u64::try_from(fd).ok()?, flags.join(" | ")))
        };
        let descriptors = bytes.chunks_exact(8).filter_map(entry).collect();
        Some(Watching { bound: None, descriptors, until })
    }

    /// Lo de `epoll_wait`: lo que hay registrado en ese epoll.
    pub(crate) fn epoll(pid: i32, epoll: u64, until: String) -> Option<Watching> {
        let told = fs::read_to_string(format!("/proc/{pid}/fdinfo/{epoll}")).ok()?;
        let descriptors = told.lines().filter_map(registered).take(MAX_WATCHED).collect();
        Some(Watching { bound: None, descriptors, until })
    }
}

/// `tfd:        5 events:       19 data:…` (proc(5)).
fn registered(line: &str) -> Option<(u64, String)> {
    let mut words = line.strip_prefix("tfd:")?.split_whitespace();
    let descriptor = words.next()?.parse().ok()?;
    let bits = u32::from_str_radix(words.nth(1)?, 16).ok()?;
    let mut events = EpollFlags::from_bits_retain(bits.cast_signed());
    // El núcleo los pone siempre: no los pidió nadie.
    events.remove(EpollFlags::EPOLLERR | EpollFlags::EPOLLHUP);
    let flags: Vec<_> = events.iter_names().map(|(name, _)| name).collect();
    Some((descriptor, if flags.is_empty() { "nada".to_owned() } else { flags.join(" | ") }))
}

/// En qué cuenta un plazo lo que va detrás de los segundos.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Unit {
    /// `struct timeval`.
    Micros,
    /// `struct timespec`.
    Nanos,
}

/// La memoria de un programa.
pub(crate) struct Memory(File);

impl Memory {
    pub(crate) fn of(pid: i32) -> Option<Memory> {
        File::open(format!("/proc/{pid}/mem")).ok().map(Memory)
    }

    fn read(&self, address: u64, count: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.0.read_exact_at(&mut bytes, address).ok()?;
        Some(bytes)
    }

    /// Los descriptores de un conjunto de `select`: un mapa de FD_SETSIZE bits.
    fn set(&self, address: u64) -> Option<BTreeSet<u64>> {
        if address == 0 {
            return Some(BTreeSet::new());
        }
        let bytes = self.read(address, FD_SETSIZE / 8)?;
        let bits = bytes.iter().flat_map(|byte| (0..8).map(move |bit| byte >> bit & 1 == 1));
        Some((0..).zip(bits).filter(|(_, present)| *present).map(|(fd, _)| fd).collect())
    }

    /// Un plazo: dos números de 64 bits, o ninguno.
    pub(crate) fn timeout(&self, address: u64, unit: Unit) -> Option<String> {
        if address == 0 {
            return Some(forever());
        }
        let bytes = self.read(address, 16)?;
        let (seconds, rest) = bytes.split_at(8);
        let seconds = u64::from_ne_bytes(seconds.try_into().ok()?);
        let rest = u64::from_ne_bytes(rest.try_into().ok()?);
        let rest = match unit {
            Unit::Micros => Duration::from_micros(rest),
            Unit::Nanos => Duration::from_nanos(rest),
        };
        Some(at_most(Duration::from_secs(seconds).checked_add(rest)?))
    }
}

/// El plazo de `poll` y `epoll_wait`: milisegundos, o un número negativo si no lo hay.
pub(crate) fn milliseconds(argument: u64) -> String {
    // El registro es de 64 bits, y el argumento, un `int`.
    let argument = (argument & 0xFFFF_FFFF) as u32;
    u64::try_from(argument.cast_signed())
        .map_or_else(|_| forever(), |milliseconds| at_most(Duration::from_millis(milliseconds)))
}

fn forever() -> String {
    "sin plazo".to_owned()
}

fn at_most(span: Duration) -> String {
    format!("como mucho {}", wording::duration(span))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_registrado_en_un_epoll_se_lee_sin_lo_que_pone_el_núcleo() {
        let line = "tfd:        5 events: 80000019 data:                5  pos:0 ino:1 sdev:9";
        assert_eq!(registered(line), Some((5, "EPOLLIN | EPOLLET".to_owned())));
        let silent = "tfd:       12 events:       18 data:                c  pos:0 ino:1 sdev:9";
        assert_eq!(registered(silent), Some((12, "nada".to_owned())));
        assert_eq!(registered("flags:\t02"), None);
    }

    #[test]
    fn se_dice_a_quién_se_vigila_y_a_quién_no_se_mira() {
        let descriptors = vec![(3, "para leer".to_owned()), (5, "para escribir".to_owned())];
        let watching = Watching { bound: Some(5), descriptors, until: forever() };
        assert_eq!(
            watching.told(|fd| format!("el {fd}")),
            "sin plazo y con nfds = 5; vigila el 3 para leer, el 5 para escribir"
        );
        assert_eq!(watching.unseen().collect::<Vec<_>>(), [5]);
        let nobody = Watching { until: forever(), ..Watching::default() };
        assert_eq!(nobody.told(|fd| fd.to_string()), "sin plazo; no vigila nada");
    }

    #[test]
    fn un_plazo_negativo_es_no_tenerlo() {
        assert_eq!(milliseconds(u64::MAX), "sin plazo");
        assert_eq!(milliseconds(0xFFFF_FFFF), "sin plazo");
        assert_eq!(milliseconds(5000), "como mucho 5 s");
    }
}
