//! Qué hacen los hilos del código de quien aprende, y qué conviene preguntarse si no avanzan.

use harness::{Descriptors, Doing, Thread, Watching};

use crate::secrecy::lifted;

/// Cómo se llama el hilo en el que una prueba ejecuta el código de quien aprende. Los que este arranque
/// sin nombre lo heredan (pthread_setname_np(3)).
pub(crate) const OWN: &str = "tu código";

/// Bajo qué título se cuenta lo que hacían los hilos cuando algo falló.
pub(crate) const MEANWHILE: &str = "Mientras tanto";

/// Cómo empieza el nombre de los hilos del arnés que hablan con el servidor.
const HARNESS: &str = "envía ";

/// Los hilos que se cuentan de uno en uno; los demás, juntos.
const FEW: usize = 6;

/// Qué hace un hilo, y qué conviene preguntarse si lleva así demasiado.
pub(crate) struct Activity {
    /// `tu código`, o `el hilo «cliente-1»`.
    who: String,
    /// Completa «tu código…», sin los detalles: `sigue dentro de accept`.
    doing: String,
    /// Sus argumentos, si los hay que digan algo.
    details: Option<String>,
    pub(crate) question: String,
}

/// Lo que hace ahora mismo cada hilo del código de quien aprende, dicho en una línea por hilo.
pub(crate) fn told() -> Vec<String> {
    lines(&lifted(|| all(theirs(), &Descriptors::here())))
}

/// Lo mismo, y antes que nada lo de `first`, con lo que conviene preguntarse sobre él.
pub(crate) fn told_of(first: Thread) -> (Vec<String>, Option<String>) {
    lifted(|| {
        let descriptors = Descriptors::here();
        let question = Activity::of(first, &descriptors).map(|activity| activity.question);
        let mut threads = theirs();
        threads.sort_by_key(|thread| *thread != first);
        (lines(&all(threads, &descriptors)), question)
    })
}

fn all(threads: Vec<Thread>, descriptors: &Descriptors) -> Vec<Activity> {
    threads.into_iter().filter_map(|thread| Activity::of(thread, descriptors)).collect()
}

/// Los hilos del código de quien aprende.
pub(crate) fn theirs() -> Vec<Thread> {
    let threads = Thread::all_here();
    let is_main = |thread: &&Thread| thread.is_main();
    let main = threads.iter().find(is_main).and_then(|thread| thread.name());
    let is_theirs = |thread: &Thread| {
        let name = thread.name();
        name.is_some() && name != main && !name.is_some_and(|name| name.starts_with(HARNESS))
    };
    threads.into_iter().filter(is_theirs).collect()
}

fn lines(all: &[Activity]) -> Vec<String> {
    let told = |activity: &Activity| {
        let details = activity.details.as_ref().map(|details| format!(": {details}"));
        format!("{} {}{}", activity.who, activity.doing, details.unwrap_or_default())
    };
    let (each, rest) = if all.len() > FEW { all.split_at(FEW / 2) } else { (all, &[][..]) };
    let mut lines: Vec<String> = each.iter().map(told).collect();
    let mut alike: Vec<(&str, usize)> = Vec::new();
    for activity in rest {
        match alike.iter_mut().find(|(doing, _)| *doing == activity.doing) {
            Some((_, count)) => *count += 1,
            None => alike.push((&activity.doing, 1)),
        }
    }
    lines.extend(alike.iter().map(|(doing, count)| match count {
        1 => format!("y otro hilo que {doing}"),
        _ => format!("y otros {count} hilos; cada uno {doing}"),
    }));
    lines
}

impl Activity {
    /// La de ahora mismo; nada, si ha terminado o no se puede saber.
    fn of(thread: Thread, descriptors: &Descriptors) -> Option<Activity> {
        let who = match thread.name()? {
            own if own == OWN => own,
            name => format!("el hilo «{name}»"),
        };
        let inside = |call: &'static str, details| {
            let (name, question) = call_named(call);
            (format!("sigue dentro de `{name}`"), details, question.to_owned())
        };
        let (doing, details, question) = match thread.doing(descriptors)? {
            Doing::Running => (
                "está gastando procesador, sin dormir en ninguna llamada".to_owned(),
                None,
                "¿hay un bucle que da vueltas sin esperar a nada, o que no termina?".to_owned(),
            ),
            Doing::Calling { name, watching: Some(watching), .. } => {
                let details = watching.told(|descriptor| descriptors.describe(descriptor));
                let (doing, details, question) = inside(name, Some(details));
                (doing, details, unseen(&watching).unwrap_or(question))
            }
            Doing::Calling { name, descriptor, .. } => {
                inside(name, descriptor.map(|descriptor| format!("descriptor {descriptor}")))
            }
            Doing::Sleeping(function) => match function.as_str() {
                "inet_csk_accept" => inside("accept", None),
                "wait_woken" | "sk_wait_data" | "tcp_recvmsg" => inside("recv", None),
                "sk_stream_wait_memory" => inside("send", None),
                "futex_wait_queue" | "futex_wait_queue_me" | "futex_do_wait" => {
                    inside("futex", None)
                }
                other => (
                    format!("duerme en la función `{other}` del núcleo"),
                    None,
                    "¿quién tenía que despertarlo?".to_owned(),
                ),
            },
        };
        Some(Activity { who, doing, details, question })
    }
}

/// Lo que hay que saber si `nfds` deja fuera a alguien de los conjuntos.
fn unseen(watching: &Watching) -> Option<String> {
    let (bound, first) = (watching.bound?, watching.unseen().next()?);
    Some(format!(
        "con nfds = {bound}, `select` solo mira los descriptores menores que {bound}, y en tus \
         conjuntos está el {first}: ha de ser el mayor más uno."
    ))
}

/// La llamada, con el nombre que tiene en los ejercicios, y lo que conviene preguntarse.
fn call_named(name: &'static str) -> (&'static str, &'static str) {
    let name = match name {
        "accept4" => "accept",
        "readv" => "read",
        "writev" => "write",
        "recvfrom" | "recvmsg" => "recv",
        "sendto" | "sendmsg" => "send",
        "ppoll" => "poll",
        "pselect" => "select",
        "epoll_pwait" | "epoll_pwait2" => "epoll_wait",
        "clock_nanosleep" => "nanosleep",
        same => same,
    };
    let question = match name {
        "accept" => "espera a que llegue otro cliente; ¿quién lo despierta si no llega ninguno?",
        "read" | "recv" => {
            "espera bytes de alguien que calla: `read` no vuelve hasta que llegue algo, el otro \
             lado cierre o alguien haga `shutdown` del socket; ¿quién lo despierta?"
        }
        "write" | "send" | "sendfile" => {
            "escribe a quien no lee: los búferes están llenos y nadie los vacía; ¿quién lo \
             despierta?"
        }
        "poll" | "select" | "epoll_wait" => {
            "espera un aviso del núcleo; ¿está vigilando el descriptor que tenía que avisarle?"
        }
        "futex" => {
            "espera a otro hilo, un cerrojo, una condición o un canal; ¿ese hilo puede terminar? \
             ¿alguien avisa?"
        }
        "nanosleep" => "duerme un tiempo fijo (`sleep`): espera un suceso en su lugar.",
        _ => "¿quién lo despierta?",
    };
    (name, question)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity(who: &str, details: u32) -> Activity {
        Activity {
            who: who.to_owned(),
            doing: "sigue dentro de `recv`".to_owned(),
            details: Some(format!("descriptor {details}")),
            question: String::new(),
        }
    }

    #[test]
    fn de_muchos_hilos_se_cuentan_unos_cuantos() {
        let few: Vec<_> = (0..6).map(|fd| activity("tu código", fd)).collect();
        assert_eq!(lines(&few).len(), 6);
        let many: Vec<_> = (0..100).map(|fd| activity("el hilo «cliente»", fd)).collect();
        let told = lines(&many);
        assert_eq!(told[0], "el hilo «cliente» sigue dentro de `recv`: descriptor 0");
        assert_eq!(told[3..], ["y otros 97 hilos; cada uno sigue dentro de `recv`"]);
    }

    #[test]
    fn un_nfds_corto_se_reconoce() {
        let descriptors = vec![(3, "para leer".to_owned()), (7, "para leer".to_owned())];
        let watching = |bound| Watching {
            bound: Some(bound),
            descriptors: descriptors.clone(),
            until: String::new(),
        };
        assert_eq!(unseen(&watching(8)), None);
        let told = unseen(&watching(7)).unwrap();
        assert!(told.starts_with("con nfds = 7"), "{told}");
        assert!(told.contains("está el 7"), "{told}");
    }
}
