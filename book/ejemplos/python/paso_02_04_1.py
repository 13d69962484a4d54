"""El paso 1 de la lección 02_04, en Python: una lectura, una respuesta y adiós."""

import select
import socket
import sys

RESPONSE = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Length: 26\r\nConnection: close\r\n\r\n¡Hola desde EpollServer!\n"
).encode()


class EpollServer:
    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.setblocking(False)
        self.epoll = select.epoll()
        self.epoll.register(self.listener, select.EPOLLIN)
        self.clients = {}

    def run(self):
        while True:
            for fd, _ in self.epoll.poll():
                if fd == self.listener.fileno():
                    self.on_acceptable()
                else:
                    self.on_readable(fd)

    def on_acceptable(self):
        try:
            stream, _ = self.listener.accept()
        except OSError:
            return
        self.epoll.register(stream, select.EPOLLIN)
        self.clients[stream.fileno()] = stream

    # ANCHOR: on_readable
    def on_readable(self, fd):
        client = self.clients.pop(fd, None)
        if client is None:
            return
        try:
            if client.recv(4096):
                client.sendall(RESPONSE)
        except OSError:
            pass
        client.close()
    # ANCHOR_END: on_readable


def serve(port):
    server = EpollServer(port)
    where = server.listener.getsockname()[1]
    print("Escuchando en 127.0.0.1:%d" % where, flush=True)
    server.run()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
