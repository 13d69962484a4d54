"""Lección 02_04: un servidor web sobre epoll. Responde una línea a cualquier navegador.
El bucle de eventos es EpollServer.run. Qué pide cada cual se lee en http_request.py."""

import argparse
import contextlib
import itertools
import os
import select
import signal
import socket
import sys
import time
from email.utils import formatdate
from http import HTTPStatus

from http_request import Refusal, parse, take_head

PROGRAM = "aplic_python_02_04.py"
LINE = "¡Hola desde EpollServer!"  # con su fin de línea, 25 caracteres que son 26 bytes
PATIENCE = 10  # segundos: lo que se espera a un cliente, calle o no lea


class Client:
    """Todo lo que se sabe de un cliente, junto, para que desaparezca junto."""
    def __init__(self, sock):
        self.sock, self.interest = sock, select.EPOLLIN
        self.input, self.seen, self.output = bytearray(), 0, bytearray()
        self.last = False  # su última respuesta está en la cola, o ya salió

    def answer(self, status, text, method=b"GET", keep=False):
        """Pone una respuesta en la cola. La longitud se cuenta en bytes."""
        body = f"{text}\n".encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            "Content-Type: text/plain; charset=utf-8\r\n"
            f"Date: {formatdate(usegmt=True)}\r\nContent-Length: {len(body)}\r\n"
        )
        head += "Allow: GET, HEAD\r\n" if status == 405 else ""
        head += "\r\n" if keep else "Connection: close\r\n\r\n"
        self.output += head.encode() + (b"" if method == b"HEAD" else body)
        self.last = not keep


class EpollServer:
    # ANCHOR: new
    def __init__(self, host, port):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        family, *_, address = found[0]
        self.sock = socket.create_server(address, family=family, backlog=1024)
        self.sock.setblocking(False)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stop = stop_on_signals()
        self.epoll = select.epoll()
        self.epoll.register(self.sock, select.EPOLLIN)
        self.epoll.register(self.stop, select.EPOLLIN)
        self.clients, self.closing, self.stopping = {}, set(), False
        # ANCHOR_END: new
        here = "[{}]:{}" if family == socket.AF_INET6 else "{}:{}"
        os.write(1, f"Escuchando en {here.format(*self.sock.getsockname())}\n".encode())

    # ANCHOR: run
    def run(self):
        while self.clients or not self.stopping:
            for fd, events in self.wait():
                if fd in self.clients:
                    self.on_client(self.clients[fd], events)
                elif fd == self.stop.fileno():
                    self.on_stop()
                elif not self.stopping:
                    self.on_acceptable()
            self.reap()

    def wait(self):
        """El único sitio donde se espera: hasta el plazo más próximo."""
        # Tras Ctrl-Z, puede vencer el plazo de quien ya envió algo.
        first = next(iter(self.clients.values()), None)
        wait = max(0, first.deadline - time.monotonic()) if first else None
        return self.epoll.poll(wait)
    # ANCHOR_END: run

    # ANCHOR: on_acceptable
    def on_acceptable(self):
        try:
            sock, _ = self.sock.accept()
        except OSError:  # sin descriptores libres, hasta que alguien salga
            self.epoll.modify(self.sock, 0 if self.clients else select.EPOLLIN)
            return
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.epoll.register(sock, select.EPOLLIN)
        self.renew(Client(sock))
    # ANCHOR_END: on_acceptable

    # ANCHOR: on_client
    def on_client(self, client, events):
        if events & select.EPOLLIN:
            self.on_readable(client)
        elif events & (select.EPOLLHUP | select.EPOLLERR):
            self.closing.add(client)  # no se piden, y no dejan de llegar
        else:
            self.on_writable(client)
    # ANCHOR_END: on_client

    # ANCHOR: on_readable
    def on_readable(self, client):
        data = b""
        with contextlib.suppress(OSError):  # un reinicio es otro final
            data = client.sock.recv(8192)
        if not data:  # el final: sin mirarlo, EPOLLIN llegaría para siempre
            self.closing.add(client)
        elif not client.last:
            if not client.input:
                self.renew(client)  # el plazo corre desde el primer byte
            client.input += data
            self.answer(client)
    # ANCHOR_END: on_readable

    def answer(self, client):
        """A todas las peticiones enteras: ninguna, una o cien. Y se escribe ya."""
        try:
            while not client.last and (head := take_head(client)):
                method, keep = parse(head)
                if method in (b"GET", b"HEAD"):
                    client.answer(200, LINE, method, keep)
                else:
                    client.answer(405, "Solo se atienden GET y HEAD.", method, keep)
        except Refusal as refusal:
            client.answer(*refusal.args)  # con cuerpo, aunque fuera un HEAD
        self.on_writable(client)

    # ANCHOR: on_writable
    def on_writable(self, client):
        with contextlib.suppress(OSError):  # no cabe, o se fue
            if client.output:
                del client.output[: client.sock.send(client.output)]
                self.renew(client)
            if client.last and not client.output:
                # Cerrar ya, con algo sin leer, podría cortar la respuesta.
                client.sock.shutdown(socket.SHUT_WR)
        # O leer o escribir: quien no recoge lo que pidió no pide más.
        interest = select.EPOLLOUT if client.output else select.EPOLLIN
        if interest != client.interest:
            client.interest = interest
            self.epoll.modify(client.sock, interest)
    # ANCHOR_END: on_writable

    # ANCHOR: reap
    def renew(self, client):
        """Otro plazo, y al final de la fila: el primero vence antes."""
        if not self.stopping:
            client.deadline = time.monotonic() + PATIENCE
            self.clients.pop(client.sock.fileno(), None)
            self.clients[client.sock.fileno()] = client

    def reap(self):
        """El único sitio que cierra."""
        now = time.monotonic()
        late = itertools.takewhile(
            lambda it: it.deadline <= now, self.clients.values()
        )
        for client in list(late):
            if client.input and not client.last and not client.output:
                client.answer(408, "la petición no llegó entera a tiempo")
                self.on_writable(client)
            else:
                self.closing.add(client)
        for client in self.closing:
            del self.clients[client.sock.fileno()]
            client.sock.close()
        if self.closing and not self.stopping:
            self.epoll.modify(self.sock, select.EPOLLIN)
        self.closing.clear()
    # ANCHOR_END: reap

    # ANCHOR: on_stop
    def on_stop(self):
        """No entra nadie más, ni los de la cola. Lo que sale, entero."""
        self.epoll.unregister(self.stop)
        self.sock.close()
        self.stopping = True
        for client in self.clients.values():
            if not client.output and not client.last:
                self.closing.add(client)
            client.last = True
    # ANCHOR_END: on_stop


def stop_on_signals():
    """Ctrl-C y SIGTERM, como un descriptor más: Python escribe en él cuando llegan."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    return reader


def main():
    usage = f"Uso: {PROGRAM} [--host DIRECCIÓN] [--port 0..65535]"
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = lambda _: parser.exit(2, f"{PROGRAM}: así no. {usage}\n")
    parser.add_argument("-h", "--help", action="version", version=usage)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, choices=range(65536), default=8080)
    host, port = vars(parser.parse_args()).values()
    try:
        EpollServer(host, port).run()
    except (socket.gaierror, UnicodeError):
        sys.exit(f"{PROGRAM}: no se encuentra esa máquina; revisa --host")
    except OSError:
        sys.exit(f"{PROGRAM}: no se puede: quizá otro programa ya escucha ahí")


if __name__ == "__main__":
    main()
