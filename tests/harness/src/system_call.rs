//! El nombre de las llamadas al sistema en las que un programa puede quedarse esperando.

use std::env::consts::ARCH;

/// Una llamada al sistema, de las que `/proc/PID/syscall` da solo el número (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SystemCall {
    /// Como en su página del manual, sin la sección: `accept4`.
    pub(crate) name: &'static str,
    /// A qué espera.
    pub(crate) waits: Waits,
}

/// A qué espera una llamada, que es lo que dicen sus argumentos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// Al descriptor que es su primer argumento.
    Descriptor,
    Select,
    Pselect,
    Poll,
    Ppoll,
    /// Con el plazo en milisegundos.
    Epoll,
    /// Con el plazo en un `struct timespec`.
    Epoll2,
    Other,
}

impl SystemCall {
    /// La que tiene ese número en esta arquitectura (x86_64 o aarch64), si es una en la que un
    /// programa de este curso pueda quedarse esperando.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        let (name, waits) = match (ARCH, number) {
            ("x86_64", 0) | ("aarch64", 63) => ("read", Waits::Descriptor),
            ("x86_64", 1) | ("aarch64", 64) => ("write", Waits::Descriptor),
            ("x86_64", 19) | ("aarch64", 65) => ("readv", Waits::Descriptor),
            ("x86_64", 20) | ("aarch64", 66) => ("writev", Waits::Descriptor),
            // El número ya no es suyo: puede ser de otro.
            ("x86_64", 3) | ("aarch64", 57) => ("close", Waits::Other),
            ("x86_64", 42) | ("aarch64", 203) => ("connect", Waits::Descriptor),
            ("x86_64", 43) | ("aarch64", 202) => ("accept", Waits::Descriptor),
            ("x86_64", 288) | ("aarch64", 242) => ("accept4", Waits::Descriptor),
            ("x86_64", 44) | ("aarch64", 206) => ("sendto", Waits::Descriptor),
            ("x86_64", 45) | ("aarch64", 207) => ("recvfrom", Waits::Descriptor),
            ("x86_64", 46) | ("aarch64", 211) => ("sendmsg", Waits::Descriptor),
            ("x86_64", 47) | ("aarch64", 212) => ("recvmsg", Waits::Descriptor),
            ("x86_64", 40) | ("aarch64", 71) => ("sendfile", Waits::Descriptor),
            ("x86_64", 232) => ("epoll_wait", Waits::Epoll),
            ("x86_64", 281) | ("aarch64", 22) => ("epoll_pwait", Waits::Epoll),
            (_, 441) => ("epoll_pwait2", Waits::Epoll2),
            ("x86_64", 7) => ("poll", Waits::Poll),
            ("x86_64", 271) | ("aarch64", 73) => ("ppoll", Waits::Ppoll),
            ("x86_64", 23) => ("select", Waits::Select),
            ("x86_64", 270) | ("aarch64", 72) => ("pselect", Waits::Pselect),
            ("x86_64", 202) | ("aarch64", 98) => ("futex", Waits::Other),
            ("x86_64", 35) | ("aarch64", 101) => ("nanosleep", Waits::Other),
            ("x86_64", 230) | ("aarch64", 115) => ("clock_nanosleep", Waits::Other),
            ("x86_64", 61) | ("aarch64", 260) => ("wait4", Waits::Other),
            ("x86_64", 34) => ("pause", Waits::Other),
            ("x86_64", 130) | ("aarch64", 133) => ("sigsuspend", Waits::Other),
            ("x86_64", 128) | ("aarch64", 137) => ("sigtimedwait", Waits::Other),
            (_, 426) => ("io_uring_enter", Waits::Descriptor),
            _ => return None,
        };
        Some(Self { name, waits })
    }

    /// Si su primer argumento es un descriptor.
    pub(crate) fn takes_descriptor(self) -> bool {
        matches!(self.waits, Waits::Descriptor | Waits::Epoll | Waits::Epoll2)
    }
}
