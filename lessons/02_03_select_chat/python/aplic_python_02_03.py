"""Lección 02_03, un chat con select: --name servidor lo sirve; otro nombre, charla.
Lo que viaja, y cómo se guarda lo que aún no ha viajado, está en messages.py."""

import argparse
import contextlib
import os
import select
import signal
import socket
import sys

from messages import MAX_TEXT, Peer, receive, send

PROGRAM = "aplic_python_02_03.py"
NAMES = "NOMBRE: de 1 a 32 caracteres visibles, sin @ [ ] < > #"
MAX_CLIENTS = min(os.sysconf("SC_OPEN_MAX"), 1024) - 10  # 1024: FD_SETSIZE, de select
CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")


class ChatServer:
    def __init__(self, family, address, stop):
        listener = socket.create_server(address, family=family, backlog=1024)
        listener.setblocking(False)
        self.listener, self.stdin = Peer(listener), Peer(sys.stdin)
        self.stop = stop
        self.clients, self.leaving = [], []  # los que están; los que oyeron un ERROR
        place = "[{}]:{}" if family == socket.AF_INET6 else "{}:{}"
        os.write(1, f"Escuchando en {place.format(*listener.getsockname())}\n".encode())

    # ANCHOR: run
    def run(self):
        while True:
            readable, writable = self.wait()  # el único sitio donde se espera
            if self.stdin in readable and b"salir" in self.stdin.fill().split(b"\n"):
                return
            for client in readable.intersection(self.clients):
                for text in receive(client):
                    self.on_message(client, text)
            for peer in readable.intersection(self.leaving):
                peer.fill().clear()  # cerrar sin leerlo sería un reinicio
            for client in writable:
                client.flush()
            if self.listener in readable:
                self.on_acceptable()
            self.reap()  # el único sitio que cierra
    # ANCHOR_END: run

    # ANCHOR: wait
    def wait(self):
        # Contrapresión: con la cola de alguien llena, a los demás no se les lee.
        full = [client for client in self.clients if client.is_full()]
        peers = [self.stdin, *(full or self.clients), *self.leaving]
        if len(self.clients) + len(self.leaving) < MAX_CLIENTS:
            peers.append(self.listener)  # T3-14, T3-15: si no, que esperen
        reading = [peer for peer in peers if peer.closing is None]
        # Con todos, no dormiría: casi siempre cabe algo.
        writing = [peer for peer in self.clients if peer.output]
        # A quien no lee, o no acaba de irse, no se le espera para siempre.
        timeout = 1 if full or self.leaving else None
        reading.append(self.stop)
        return map(set, select.select(reading, writing, [], timeout)[:2])
    # ANCHOR_END: wait

    def on_acceptable(self):
        with contextlib.suppress(OSError):  # no está: se volverá a mirar
            sock, address = self.listener.file.accept()
            sock.setblocking(False)  # F15: quien se apaga sin más no se va nunca
            self.clients.append(Peer(sock, address[0]))

    # ANCHOR: on_message
    def on_message(self, peer, text):
        rest, name = self.others(peer), text.removeprefix("NAME: ")
        message = f"#[{peer.who}]>> {text.translate(CONTROL)}"  # T3-20
        if peer.name and len(message.encode()) > MAX_TEXT:
            send("ERROR: con tu nombre delante, ese mensaje no cabe", peer)
        elif peer.name:
            send(message, *rest)
        elif name == text or not is_name(name):  # T3-03: no hay plazo para decirlo
            peer.closing = NAMES
        elif name.casefold() in ["servidor", *(one.name.casefold() for one in rest)]:
            peer.closing = "ese nombre ya está en uso"
        else:  # el nombre es un estado más: nadie lo espera
            send(f"CLIENT: {peer.who}", peer)
            peer.name, peer.who = name, f"{name}@{peer.who}"
            where = f"({len(rest) + 1}) desde {peer.who}"
            send(f"(Conectado: nuevo cliente {where})", *rest)
    # ANCHOR_END: on_message

    def others(self, client):
        return [other for other in self.clients if other.name and other is not client]

    def reap(self):
        for client in self.clients:
            if client.is_full() and client.is_late():
                client.closing = "no lees tus mensajes"
        while gone := [it for it in self.clients if it.closing is not None]:
            for client in gone:  # el aviso puede romper a otro: se repite
                self.clients.remove(client)
                self.dismiss(client)
                if client.name:
                    text = f"(Desconectado: cliente {client.who})"
                    send(text, *self.others(client))
        for peer in list(self.leaving):
            if peer.closing == "" or peer.is_late():
                self.leaving.remove(peer)
                peer.file.close()

    def dismiss(self, client):
        if not client.closing:  # se fue él
            client.file.close()
            return
        send(f"ERROR: {client.closing}", client)
        with contextlib.suppress(OSError):  # quizá ya no está
            client.file.shutdown(socket.SHUT_WR)
        client.closing = None  # queda leer lo que aún envíe, hasta que cierre él
        self.leaving.append(client)


class ChatClient:
    def __init__(self, address, name, stop):
        # Su socket sí espera: nadie más lo necesita.
        self.server = Peer(socket.create_connection(address[:2]))
        self.keyboard, self.watched = open(0, "rb", buffering=0), [stop, self.server]
        send(f"NAME: {name}", self.server)

    # ANCHOR: client
    def run(self):
        while self.server.closing is None:
            readable, _, _ = select.select(self.watched, [], [])
            if self.server in readable:
                for text in receive(self.server):
                    self.on_message(text.translate(CONTROL))  # T3-20
            if self.keyboard in readable:
                self.on_line(self.keyboard.readline())  # T3-18: sin búfer
        if not self.keyboard.closed:
            sys.exit(f"{PROGRAM}: el servidor cerró la conversación; vuelve luego")
    # ANCHOR_END: client

    def on_message(self, text):
        if self.keyboard in self.watched or self.keyboard.closed:
            os.write(1, f"{text}\n".encode())  # T3-23: parte la línea que se teclea
        elif text.startswith("CLIENT: "):
            self.watched.append(self.keyboard)  # ya está dentro
        else:
            sys.exit(f"{PROGRAM}: no te dejan entrar: {text}; prueba con otro --name")

    def on_line(self, line):
        if text := line.decode(errors="replace").rstrip("\r\n"):
            send(text, self.server)
        elif not line:  # no hay más: se cierra este lado, y se lee lo que aún venga
            self.watched.pop().close()
            self.server.file.shutdown(socket.SHUT_WR)


def exit_on_signals():
    """Ctrl-C y SIGTERM terminan el programa. Y escriben en este descriptor: si llegaran
    justo antes de que select se durmiera, no lo despertarían."""
    reader, writer = socket.socketpair()
    writer.setblocking(False)
    signal.set_wakeup_fd(writer.detach(), warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    return reader


def is_name(name):
    safe = name.isprintable() and not set(name) & set("@[]<>#")
    return safe and 1 <= len(name) <= 32 and name == name.strip()


def main():
    usage = f"--name NOMBRE [--host DIRECCIÓN] [--port 0..65535]; {NAMES}"
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = lambda _: parser.exit(2, f"{PROGRAM}: Uso: {PROGRAM} {usage}\n")
    parser.add_argument("--name", required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, choices=range(65536), default=8800)
    name, host, port = vars(parser.parse_args()).values()
    if not is_name(name):
        parser.error("")
    serving = name == "servidor"
    sys.stdin = sys.stdin or open(os.devnull)  # si el descriptor 0 llegó cerrado
    stop = exit_on_signals()
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        if serving:
            ChatServer(family, address, stop).run()
        else:
            ChatClient(address, name, stop).run()
    except (socket.gaierror, UnicodeError):
        sys.exit(f"{PROGRAM}: no se encuentra esa máquina; revisa --host")
    except OSError:
        why = "otro programa ya escucha ahí" if serving else "nadie escucha ahí"
        sys.exit(f"{PROGRAM}: no se puede: quizá {why}; prueba con otro --port")


if __name__ == "__main__":
    main()
