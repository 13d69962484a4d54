//! El nombre de las llamadas al sistema en las que un programa puede quedarse esperando.

use std::env::consts::ARCH;

/// Una llamada al sistema, de las que `/proc/PID/syscall` da solo el número (proc(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SystemCall {
    /// Como en su página del manual, sin la sección: `accept4`.
    pub(crate) name: &'static str,
    /// Si su primer argumento es un descriptor.
    pub(crate) takes_descriptor: bool,
}

impl SystemCall {
    /// La que tiene ese número en esta arquitectura (x86_64 o aarch64), si es una en la que un
    /// programa de este curso pueda quedarse esperando.
    pub(crate) fn numbered(number: i64) -> Option<Self> {
        let (name, takes_descriptor) = match (ARCH, number) {
            ("x86_64", 0) | ("aarch64", 63) => ("read", true),
            ("x86_64", 1) | ("aarch64", 64) => ("write", true),
            ("x86_64", 19) | ("aarch64", 65) => ("readv", true),
            ("x86_64", 20) | ("aarch64", 66) => ("writev", true),
            ("x86_64", 42) | ("aarch64", 203) => ("connect", true),
            ("x86_64", 43) | ("aarch64", 202) => ("accept", true),
            ("x86_64", 288) | ("aarch64", 242) => ("accept4", true),
            ("x86_64", 44) | ("aarch64", 206) => ("sendto", true),
            ("x86_64", 45) | ("aarch64", 207) => ("recvfrom", true),
            ("x86_64", 46) | ("aarch64", 211) => ("sendmsg", true),
            ("x86_64", 47) | ("aarch64", 212) => ("recvmsg", true),
            ("x86_64", 40) | ("aarch64", 71) => ("sendfile", true),
            ("x86_64", 232) => ("epoll_wait", true),
            ("x86_64", 281) | ("aarch64", 22) => ("epoll_pwait", true),
            (_, 441) => ("epoll_pwait2", true),
            ("x86_64", 7) => ("poll", false),
            ("x86_64", 271) | ("aarch64", 73) => ("ppoll", false),
            ("x86_64", 23) => ("select", false),
            ("x86_64", 270) | ("aarch64", 72) => ("pselect", false),
            ("x86_64", 202) | ("aarch64", 98) => ("futex", false),
            ("x86_64", 35) | ("aarch64", 101) => ("nanosleep", false),
            ("x86_64", 230) | ("aarch64", 115) => ("clock_nanosleep", false),
            ("x86_64", 61) | ("aarch64", 260) => ("wait4", false),
            ("x86_64", 34) => ("pause", false),
            ("x86_64", 130) | ("aarch64", 133) => ("sigsuspend", false),
            ("x86_64", 128) | ("aarch64", 137) => ("sigtimedwait", false),
            (_, 426) => ("io_uring_enter", true),
            _ => return None,
        };
        Some(Self { name, takes_descriptor })
    }
}
