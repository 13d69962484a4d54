//! Qué hace un hilo del código de quien aprende, y qué conviene preguntarse si no avanza.

use harness::{Doing, Thread};

use crate::runner::lifted;

/// Qué hace un hilo, y qué conviene preguntarse si lleva así demasiado.
pub(crate) struct Activity {
    /// Completa «tu código…».
    pub(crate) doing: String,
    pub(crate) question: &'static str,
}

impl Activity {
    /// La de ahora mismo; nada, si ha terminado o no se puede saber.
    pub(crate) fn of(thread: Thread) -> Option<Activity> {
        Some(match lifted(|| thread.doing())? {
            Doing::Running => Activity {
                doing: "está gastando procesador, sin dormir en ninguna llamada".to_owned(),
                question: "¿hay un bucle que da vueltas sin esperar a nada, o que no termina?",
            },
            Doing::Calling { name, .. } => Activity::inside(name),
            Doing::Sleeping(function) => match function.as_str() {
                "inet_csk_accept" => Activity::inside("accept"),
                "wait_woken" | "sk_wait_data" | "tcp_recvmsg" => Activity::inside("recv"),
                "sk_stream_wait_memory" => Activity::inside("send"),
                "futex_wait_queue" | "futex_wait_queue_me" | "futex_do_wait" => {
                    Activity::inside("futex")
                }
                other => Activity {
                    doing: format!("duerme en la función `{other}` del núcleo"),
                    question: "¿quién tenía que despertarlo?",
                },
            },
        })
    }

    fn inside(call: &'static str) -> Activity {
        let (name, question) = call_named(call);
        Activity { doing: format!("sigue dentro de `{name}`"), question }
    }
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
