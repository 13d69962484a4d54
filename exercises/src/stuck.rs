//! Dónde está un hilo de este proceso, hasta donde el núcleo quiera contarlo (proc(5)).

use std::fs;
use std::path::PathBuf;

use harness::SystemCall;

/// El lugar de `/proc` en el que el núcleo habla de un hilo.
#[derive(Debug)]
pub(crate) struct ThreadPlace(PathBuf);

/// Qué hace un hilo, y qué conviene preguntarse si lleva así demasiado.
pub(crate) struct Activity {
    /// Completa «tu código…».
    pub(crate) doing: String,
    pub(crate) question: String,
}

impl ThreadPlace {
    /// El del hilo que llama.
    pub(crate) fn of_this_thread() -> Option<ThreadPlace> {
        let place = fs::read_link("/proc/thread-self").ok()?;
        Some(ThreadPlace(PathBuf::from("/proc").join(place)))
    }

    /// Qué hace ahora mismo; nada, si ha terminado o no se puede saber.
    pub(crate) fn activity(&self) -> Option<Activity> {
        self.system_call().or_else(|| self.kernel_function())
    }

    /// Si ahora mismo usa un procesador o hace cola para usarlo; nada, si no se puede saber.
    pub(crate) fn is_awake(&self) -> Option<bool> {
        let stat = fs::read_to_string(self.0.join("stat")).ok()?;
        // El nombre, entre paréntesis, puede contener espacios: el estado va tras su final.
        let (_, fields) = stat.rsplit_once(')')?;
        Some(fields.split_whitespace().next()? == "R")
    }

    fn system_call(&self) -> Option<Activity> {
        let line = fs::read_to_string(self.0.join("syscall")).ok()?;
        let number = line.split_whitespace().next()?;
        if number == "running" {
            return Some(Activity {
                doing: "está gastando procesador, sin dormir en ninguna llamada".to_owned(),
                question: "¿hay un bucle que da vueltas sin esperar a nada, o que no termina?"
                    .to_owned(),
            });
        }
        let (name, question) = call_named(SystemCall::numbered(number.parse().ok()?)?.name);
        Some(Activity { doing: format!("sigue dentro de `{name}`"), question: question.to_owned() })
    }

    /// Sin permiso para ver la llamada (un contenedor), queda la función del núcleo.
    fn kernel_function(&self) -> Option<Activity> {
        let function = fs::read_to_string(self.0.join("wchan")).ok()?;
        let (name, question) = match function.trim() {
            "inet_csk_accept" => call_named("accept"),
            "wait_woken" | "sk_wait_data" | "tcp_recvmsg" => call_named("recv"),
            "sk_stream_wait_memory" => call_named("send"),
            "futex_wait_queue" | "futex_wait_queue_me" | "futex_do_wait" => call_named("futex"),
            "" | "0" => return None,
            other => {
                return Some(Activity {
                    doing: format!("duerme en la función `{other}` del núcleo"),
                    question: "¿quién tenía que despertarlo?".to_owned(),
                });
            }
        };
        Some(Activity { doing: format!("sigue dentro de `{name}`"), question: question.to_owned() })
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
