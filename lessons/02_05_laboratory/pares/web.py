"""La línea de la lección 02_04, servida con el módulo select de Python."""

import select
import socket
from email.utils import formatdate

BODY = "¡Hola desde EpollServer!\n".encode()
EXPECTED = b"\r\n\r\n"


def answer():
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Date: {formatdate(usegmt=True)}\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    return head.encode() + BODY


def main():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    epoll = select.epoll()
    epoll.register(listener, select.EPOLLIN)
    clients = {}
    print("Escuchando en 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        for fd, _ in epoll.poll():
            if fd == listener.fileno():
                client, _ = listener.accept()
                client.setblocking(False)
                client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                epoll.register(client, select.EPOLLIN)
                clients[client.fileno()] = client
                continue
            try:
                data = clients[fd].recv(8192)
                if data:
                    clients[fd].send(answer() * data.count(EXPECTED))
                    continue
            except BlockingIOError:
                continue
            except OSError:
                pass
            clients.pop(fd).close()


main()
