//! Las llamadas que se cuentan igual: `read`, `recvfrom` y `readv` leen.

/// Lo que hace una llamada.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// socket(2).
    Socket,
    /// bind(2).
    Bind,
    /// listen(2).
    Listen,
    /// connect(2).
    Connect,
    /// accept(2).
    Accept,
    /// read(2) y las suyas.
    Read,
    /// write(2) y las suyas.
    Write,
    /// shutdown(2).
    Shutdown,
    /// close(2).
    Close,
    /// setsockopt(2).
    Option,
    /// fcntl(2) e ioctl(2), cuando cambian si se bloquea.
    Flags,
    /// dup(2) y las suyas.
    Duplicate,
    /// epoll_create(2).
    Epoll,
    /// epoll_ctl(2).
    Register,
    /// Las que esperan, con el nombre que les da el curso.
    Wait(&'static str),
    /// Las que solo dejan pasar el tiempo.
    Nap,
    /// Las que crean un hilo o un proceso.
    Clone,
    /// Las que dan nombre a un hilo.
    Name,
    /// Las demás.
    Other,
}

/// A cuál pertenece la llamada `name`.
pub fn family(name: &str) -> Family {
    match name {
        "socket" => Family::Socket,
        "bind" => Family::Bind,
        "listen" => Family::Listen,
        "connect" => Family::Connect,
        "accept" | "accept4" => Family::Accept,
        "read" | "readv" | "recvfrom" | "recvmsg" => Family::Read,
        "write" | "writev" | "sendto" | "sendmsg" | "sendfile" => Family::Write,
        "shutdown" => Family::Shutdown,
        "close" => Family::Close,
        "setsockopt" => Family::Option,
        "fcntl" | "ioctl" => Family::Flags,
        "dup" | "dup2" | "dup3" => Family::Duplicate,
        "epoll_create" | "epoll_create1" => Family::Epoll,
        "epoll_ctl" => Family::Register,
        "select" | "pselect6" => Family::Wait("select"),
        "poll" | "ppoll" => Family::Wait("poll"),
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" => Family::Wait("epoll_wait"),
        "nanosleep" | "clock_nanosleep" => Family::Nap,
        "clone" | "clone3" | "fork" | "vfork" => Family::Clone,
        "prctl" | "execve" => Family::Name,
        _ => Family::Other,
    }
}
