use super::*;
use crate::calls::Calls;
use crate::strace::Reader;

/// Lo que se cuenta de una traza, con el momento en que termina cada llamada.
fn told(trace: &str) -> String {
    let (mut reader, mut calls, mut narrator) =
        (Reader::default(), Calls::default(), Narrator::default());
    let events = trace.lines().filter_map(|line| reader.line(line.trim_start()));
    let mut lines = Vec::new();
    for record in events.flat_map(|event| calls.read(&event)).collect::<Vec<_>>() {
        let Record::Call(call) = &record else { continue };
        let thread = call.thread;
        lines
            .extend(narrator.tell(&record).say.into_iter().map(|line| format!("{thread}: {line}")));
    }
    lines.join("\n")
}

#[test]
fn un_servidor_con_select_se_cuenta_como_la_lección() {
    let trace = r#"
        7 1.0 read(3</etc/ld.so.cache>, "x", 1) = 1
        7 1.0 listen(3<TCP:[127.0.0.1:8931]>, 128) = 0
        7 1.1 pselect6(4, [3<TCP:[127.0.0.1:8931]>], [], NULL, NULL, NULL) = 1 (in [3])
        7 1.2 accept4(3<TCP:[127.0.0.1:8931]>, {sa_family=AF_INET}, [128 => 16], SOCK_CLOEXEC) = 4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>
        7 1.3 pselect6(5, [3<TCP:[127.0.0.1:8931]> 4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>], [], NULL, NULL, NULL) = 2 (in [4], out [4])
        7 1.4 recvfrom(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, "hola\n", 16384, 0, NULL, NULL) = 5
        7 1.5 sendto(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, "hola\n", 5, MSG_NOSIGNAL, NULL, 0) = 3
        7 1.6 recvfrom(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>, 0x7f, 16384, 0, NULL, NULL) = -1 EAGAIN (Resource temporarily unavailable)
        7 1.7 close(4<TCP:[127.0.0.1:8931->127.0.0.1:44068]>) = 0
    "#;
    insta::assert_snapshot!(told(trace), @r#"
    1: listen(3): el núcleo ya acepta conexiones por nosotros
    1: select: 1 listo
    1: listo: 3, el socket que escucha, para leer
    1: accept: cliente 1 desde 127.0.0.1:44068, descriptor 4
    1: select: 2 listos
    1: listo: 4, para leer
    1: listo: 4, para escribir
    1: read(4): 5 bytes · "hola\n"
    1: write(4): 3 de 5 bytes · "hol"
    1: read(4): no hay nada listo
    1: close(4): cliente 1: se cierra la conexión
    "#);
}

#[test]
fn un_servidor_con_epoll_y_con_hilos_también() {
    let trace = r#"
        7 1.0 listen(3<TCP:[127.0.0.1:8931]>, 128) = 0
        7 1.1 epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, 3<TCP:[127.0.0.1:8931]>, {events=EPOLLIN, data={u32=0, u64=0}}) = 0
        7 1.2 epoll_ctl(4<anon_inode:[eventpoll]>, EPOLL_CTL_ADD, 5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, {events=EPOLLIN|EPOLLOUT|EPOLLET, data={u32=1, u64=1}}) = 0
        7 1.3 epoll_wait(4<anon_inode:[eventpoll]>, [{events=EPOLLIN|EPOLLOUT, data={u32=1, u64=1}}], 64, -1) = 1
        8 1.4 recvfrom(5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, "", 16384, 0, NULL, NULL) = 0
        7 1.5 shutdown(5<TCP:[127.0.0.1:8931->127.0.0.1:44090]>, SHUT_WR) = 0
        7 1.6 close(3<TCP:[127.0.0.1:8931]>) = 0
    "#;
    insta::assert_snapshot!(told(trace), @r#"
    1: listen(3): el núcleo ya acepta conexiones por nosotros
    1: epoll_ctl: añadido 3, el socket que escucha, para EPOLLIN
    1: epoll_ctl: añadido 5 para EPOLLIN | EPOLLOUT | EPOLLET
    1: epoll_wait: 1 listo
    1: listo: 5, para EPOLLIN | EPOLLOUT
    2: read(5): 0 bytes, el otro extremo ya no enviará más
    1: shutdown(5, SHUT_WR): ya no enviaremos más
    1: close(3): deja de escuchar
    "#);
}
