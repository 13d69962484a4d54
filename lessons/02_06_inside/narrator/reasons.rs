//! Por qué importa un paso: una frase corta, o ninguna si no hay nada que añadir.

use std::collections::BTreeMap;

use crate::calls::family::{Family, family};
use crate::recording::{Call, Record};

/// Lo que hay que recordar de los pasos anteriores: de cada proceso, lo suyo.
#[derive(Debug, Default)]
pub(super) struct Reasons {
    processes: BTreeMap<u32, Memory>,
    /// De qué proceso es cada hilo; el que no está es el suyo.
    owners: BTreeMap<u32, u32>,
}

impl Reasons {
    /// Empieza un hilo o un proceso. Un proceso hereda los descriptores de quien lo creó.
    pub(super) fn born(&mut self, record: &Record) {
        let Record::Thread { thread, parent, process, .. } = record else { return };
        let owner = self.owner(*parent);
        if !process {
            self.owners.insert(*thread, owner);
        } else if !self.processes.contains_key(thread) {
            let inherited = self.processes.get(&owner).cloned().unwrap_or_default();
            self.processes.insert(*thread, Memory { loops: BTreeMap::new(), ..inherited });
        }
    }

    pub(super) fn of(&mut self, call: &Call) -> Option<String> {
        let owner = self.owner(call.thread);
        self.processes.entry(owner).or_default().of(call)
    }

    fn owner(&self, thread: u32) -> u32 {
        self.owners.get(&thread).copied().unwrap_or(thread)
    }
}

/// Lo que se recuerda de un proceso.
#[derive(Clone, Debug, Default)]
struct Memory {
    /// Cuántos bytes se pidieron y llegaron, la última vez, de cada descriptor.
    last_read: BTreeMap<i32, (u64, i64)>,
    /// Para qué vigila epoll cada descriptor.
    interest: BTreeMap<i32, String>,
    /// El bucle de cada hilo.
    loops: BTreeMap<u32, Loop>,
}

/// Lo que se recuerda del bucle de un hilo.
#[derive(Clone, Copy, Debug, Default)]
struct Loop {
    /// Las vueltas que ha dado.
    turns: u64,
    /// Si la espera anterior dio algo y, desde entonces, el hilo no hizo nada con ello.
    idle: bool,
}

impl Memory {
    fn of(&mut self, call: &Call) -> Option<String> {
        if call.is_cut() {
            return Some(
                "el núcleo la repite cuando la señal se ha atendido, o la hace fallar con EINTR"
                    .to_owned(),
            );
        }
        let why = match family(&call.call) {
            Family::Wait(name) => self.wait(call, name),
            Family::Read => self.read(call),
            Family::Write => write(call),
            Family::Register => self.register(call),
            Family::Accept => accept(call),
            Family::Close => {
                self.last_read.remove(&call.fd?);
                self.interest.remove(&call.fd?);
                closed(call)
            }
            Family::Nap => Some("mientras dura, este hilo no atiende a nadie".to_owned()),
            other => plain(call, other),
        };
        let waits = matches!(family(&call.call), Family::Wait(_));
        let this = self.loops.entry(call.thread).or_default();
        this.idle = waits && call.result.is_some_and(|ready| ready > 0);
        why
    }

    fn wait(&mut self, call: &Call, name: &str) -> Option<String> {
        let this = self.loops.entry(call.thread).or_default();
        this.turns += 1;
        let Loop { turns, idle } = *this;
        if call.error.is_some() {
            return None;
        }
        if call.result == Some(0) {
            return Some(if call.timeout == Some(0) {
                "con plazo cero no se duerme: si el bucle siempre pregunta así, gasta un procesador entero".to_owned()
            } else {
                "se agotó el plazo y nadie estaba listo: toca mirar los relojes".to_owned()
            });
        }
        if idle {
            return Some("en la vuelta anterior nadie leyó, escribió ni aceptó nada: si se repite, el bucle gira en vano".to_owned());
        }
        if let Some(left) = call.ready.iter().find_map(|ready| self.left(ready.fd, &ready.events)) {
            return Some(left);
        }
        if call.ready.iter().any(|ready| ready.events.contains("OUT") || ready.events == "escribir")
        {
            return Some(
                "en el búfer del núcleo vuelve a haber sitio: se puede escribir sin dormir"
                    .to_owned(),
            );
        }
        if !call.slept {
            return Some("vuelve sin haber dormido: ya había alguien listo".to_owned());
        }
        match name {
            "epoll_wait" => {
                Some("epoll devuelve solo los que están listos; los demás no cuestan nada".to_owned())
            }
            "select" if turns > 1 => Some(
                "los conjuntos se rehacen en cada vuelta: select los recibe enteros, y devuelve en ellos solo los listos".to_owned(),
            ),
            "select" => Some("select mira uno a uno todos los descriptores de los conjuntos".to_owned()),
            _ => Some("poll recibe la lista entera en cada vuelta, y la recorre".to_owned()),
        }
    }

    /// Si la lectura anterior llenó lo que se le dio: quedaron bytes. Por nivel, por eso sigue listo;
    /// por flanco, no.
    fn left(&self, fd: i32, events: &str) -> Option<String> {
        let (asked, got) = self.last_read.get(&fd)?;
        let readable = events.contains("IN") || events == "leer";
        if !readable || !is_all(*got, *asked) {
            return None;
        }
        let edge = self.interest.get(&fd).is_some_and(|interest| interest.contains("EPOLLET"));
        Some(if edge {
            format!(
                "por flanco: se avisa porque llegó algo nuevo al {fd}, y no por lo que quedó sin leer"
            )
        } else {
            format!(
                "{fd} sigue listo: la lectura anterior llenó su búfer, y en el núcleo quedan bytes (disparo por nivel)"
            )
        })
    }

    fn read(&mut self, call: &Call) -> Option<String> {
        let fd = call.fd?;
        let before = self.last_read.remove(&fd);
        match (call.result, call.error.as_deref()) {
            (Some(0), _) if call.is_of_stdin() => Some("la entrada estándar terminó".to_owned()),
            (Some(0), _) => Some("cero bytes es el final: el otro extremo cerró, o dijo que no enviará más; queda darle lo que se le deba, y cerrar".to_owned()),
            (Some(got), _) => {
                let asked = call.asked?;
                self.last_read.insert(fd, (asked, got));
                if is_all(got, asked) {
                    return Some("llegó todo lo que cabía: puede que en el núcleo queden más".to_owned());
                }
                before.filter(|(asked, got)| is_all(*got, *asked)).map(|_| {
                    "esto quedaba en el núcleo desde la lectura anterior".to_owned()
                })
            }
            (_, Some("EAGAIN")) => Some("no había nada que leer; con un socket bloqueante, aquí se habría dormido".to_owned()),
            (_, Some("ECONNRESET")) => Some("el otro extremo se fue sin despedirse, y lo que faltaba se pierde".to_owned()),
            _ => None,
        }
    }

    fn register(&mut self, call: &Call) -> Option<String> {
        let target = call.target.as_ref()?;
        let change = call.how.as_deref()?;
        if call.error.is_some() {
            return None;
        }
        let before = self.interest.remove(&target.fd).unwrap_or_default();
        if change != "DEL" {
            self.interest.insert(target.fd, target.events.clone());
        }
        let (wrote, writes) = (before.contains("EPOLLOUT"), target.events.contains("EPOLLOUT"));
        let edge = target.events.contains("EPOLLET");
        Some(
            match (change, wrote, writes) {
                ("DEL", ..) => return None,
                _ if edge => "por flanco: avisa una vez cuando llega algo, y no vuelve a avisar por lo que se deje sin leer",
                ("ADD", ..) => "se dice una vez, y el núcleo lo recuerda: no hay conjuntos que rehacer",
                (_, false, true) => "queda algo por escribir: que avise cuando haya sitio",
                (_, true, false) => "ya no queda nada por escribir: si no se quita, avisaría en cada vuelta",
                _ => return None,
            }
            .to_owned(),
        )
    }
}

/// Si viajó todo lo que se pidió.
fn is_all(moved: i64, asked: u64) -> bool {
    u64::try_from(moved).is_ok_and(|moved| moved == asked)
}

fn write(call: &Call) -> Option<String> {
    match (call.result, call.asked, call.error.as_deref()) {
        (Some(wrote), Some(asked), _) if u64::try_from(wrote).is_ok_and(|wrote| wrote < asked) => {
            Some(
                "escritura parcial: el búfer del núcleo se llenó; lo que falta hay que guardarlo"
                    .to_owned(),
            )
        }
        (_, _, Some("EAGAIN")) => {
            Some("el búfer del núcleo está lleno: quien debía leer no lee".to_owned())
        }
        (_, _, Some("EPIPE")) => Some(
            "el otro extremo ya no está; a quien no ignora SIGPIPE ni usa MSG_NOSIGNAL, esto lo mata"
                .to_owned(),
        ),
        (_, _, Some("ECONNRESET")) => {
            Some("el otro extremo se fue sin despedirse, y lo escrito se pierde".to_owned())
        }
        _ => None,
    }
}

fn accept(call: &Call) -> Option<String> {
    match call.error.as_deref() {
        None => Some(
            "el núcleo ya había completado la conexión: esperaba en la cola del socket que escucha"
                .to_owned(),
        ),
        Some("EAGAIN") => Some("la cola está vacía: ya no queda nadie por aceptar".to_owned()),
        Some("EMFILE" | "ENFILE") => Some(
            "no quedan descriptores; quien llamó sigue en la cola, y el socket que escucha, listo"
                .to_owned(),
        ),
        Some(_) => None,
    }
}

fn closed(call: &Call) -> Option<String> {
    call.client.map(|_| {
        "el descriptor queda libre: el próximo accept puede dar el mismo número a otro cliente"
            .to_owned()
    })
}

fn plain(call: &Call, family: Family) -> Option<String> {
    Some(match family {
        Family::Listen => match call.backlog {
            Some(backlog) => format!(
                "desde aquí el núcleo acepta por su cuenta, y guarda hasta {backlog} conexiones en una cola"
            ),
            None => return None,
        },
        Family::Shutdown if call.how.as_deref() == Some("SHUT_WR") => {
            "el otro extremo leerá cero bytes, pero aún se le puede escuchar".to_owned()
        }
        Family::Flags if call.how.as_deref() == Some("O_NONBLOCK") => {
            "lo que no se pueda hacer en el acto fallará con EAGAIN, en lugar de dormir".to_owned()
        }
        Family::Option => match call.how.as_deref()? {
            "SO_REUSEADDR" => {
                "se podrá escuchar aunque queden conexiones viejas en TIME_WAIT".to_owned()
            }
            "TCP_NODELAY" => {
                "lo pequeño sale en el acto, sin esperar a juntarse (algoritmo de Nagle)".to_owned()
            }
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits(thread: u32) -> Call {
        let (call, took, result) = ("pselect6".to_owned(), Some(9), Some(1));
        Call { thread, call, took, result, slept: true, ..Call::default() }
    }

    fn reads(thread: u32) -> Call {
        let (call, took, result) = ("recvfrom".to_owned(), Some(9), Some(5));
        Call { thread, call, took, result, fd: Some(5), asked: Some(90), ..Call::default() }
    }

    fn spins(reasons: &mut Reasons, call: &Call) -> bool {
        reasons.of(call).is_some_and(|why| why.contains("gira en vano"))
    }

    #[test]
    fn dos_hilos_que_despiertan_por_turnos_no_giran_en_vano() {
        let mut reasons = Reasons::default();
        for call in [waits(1), waits(2), reads(1), reads(2), waits(2), waits(1)] {
            assert!(!spins(&mut reasons, &call), "{call:?}");
        }
    }

    #[test]
    fn lo_que_hace_otro_hilo_no_disimula_a_quien_gira_en_vano() {
        let mut reasons = Reasons::default();
        for call in [waits(1), reads(2)] {
            assert!(!spins(&mut reasons, &call), "{call:?}");
        }
        assert!(spins(&mut reasons, &waits(1)));
    }

    #[test]
    fn el_mismo_número_en_otro_proceso_es_otro_descriptor() {
        let mut reasons = Reasons::default();
        let born = |thread| Record::Thread { us: 0, thread, parent: 1, process: true, name: None };
        reasons.born(&born(2));
        reasons.born(&born(3));
        let full = |thread| Call { asked: Some(5), ..reads(thread) };
        reasons.of(&full(2));
        let why = reasons.of(&reads(3));
        assert_eq!(why, None, "lo que quedaba era del otro");
        assert!(reasons.of(&reads(2)).is_some());
    }
}
