"""Lección 02_03, un chat con select: --name servidor lo sirve; otro nombre, charla."""

import argparse
import contextlib
import os
import select
import signal
import socket
import sys


# ANCHOR: send
def send(text, *peers):
    """Pone un marco en la cola de cada cual y escribe ya lo que quepa: nadie espera."""
    body = text.encode()
    for peer in peers:
        peer.output += len(body).to_bytes(4, "big") + body  # longitud, en orden de red
        peer.flush()
        if len(peer.output) > MAX_QUEUE:  # F3: incluso a quien lee, pero más despacio
            peer.closing = "no lees tus mensajes"
# ANCHOR_END: send


# ANCHOR: receive
def receive(peer):
    """Lee una vez y entrega los mensajes completos: ninguno, uno o cien."""
    peer.fill()
    while peer.closing is None and len(peer.input) >= 4:
        length = int.from_bytes(peer.input[:4], "big")
        if length > MAX_TEXT:  # se sabe antes de guardar un solo byte de texto
            peer.closing = "ese mensaje es demasiado largo"
        if peer.closing or length > len(peer.input) - 4:
            return  # TCP lleva bytes, no mensajes: falta por llegar
        body = peer.input[4 : 4 + length]
        del peer.input[: 4 + length]
        try:
            yield body.decode()
        except UnicodeDecodeError:
            peer.closing = "el texto de un marco debe ser UTF-8"
# ANCHOR_END: receive


PROGRAM = "aplic_python_02_03.py"
NAMES = "NOMBRE: de 1 a 32 caracteres visibles, sin @ [ ] < > #"
MAX_TEXT, MAX_QUEUE = 65_536, 1024 * 1024  # bytes: de un marco; en la cola de alguien
MAX_CLIENTS = min(os.sysconf("SC_OPEN_MAX"), 1024) - 10  # 1024: FD_SETSIZE, de select
CONTROL = dict.fromkeys([*range(9), *range(10, 32), *range(127, 160)], "\ufffd")


class Peer:
    def __init__(self, file, who=None):
        self.file, self.who, self.name = file, who, None
        self.fileno = file.fileno  # por este método, select acepta el objeto
        self.input, self.output = bytearray(), bytearray()  # sin usar; sin enviar
        self.closing = None  # por qué ya no se le escucha; «», si es que se fue

    def fill(self):
        size = len(self.input)
        with contextlib.suppress(OSError):  # un reinicio es otro final
            self.input += os.read(self.fileno(), 8192)
        if len(self.input) == size:  # cero bytes son el final
            self.closing = ""
        return self.input

    def flush(self):
        with contextlib.suppress(OSError):  # no cabe más; o se fue, y lo dirá fill
            del self.output[: os.write(self.fileno(), self.output)]


class ChatServer:
    def __init__(self, family, address):
        listener = socket.create_server(address, family=family, backlog=1024)
        listener.setblocking(False)
        self.listener, self.stdin, self.clients = Peer(listener), Peer(sys.stdin), []
        place = "[{}]:{}" if family == socket.AF_INET6 else "{}:{}"
        os.write(1, f"Escuchando en {place.format(*listener.getsockname())}\n".encode())

    def run(self):
        while True:
            readable, writable = self.wait()  # el único sitio donde se espera
            if self.stdin in readable and b"salir" in self.stdin.fill().split(b"\n"):
                return
            for client in readable.intersection(self.clients):
                for text in receive(client):
                    self.on_message(client, text)
            for client in writable:
                client.flush()
            if self.listener in readable:
                self.on_acceptable()
            self.reap()  # el único sitio que cierra

    def wait(self):
        peers = [self.stdin, *self.clients]
        if len(self.clients) < MAX_CLIENTS:  # T3-14, T3-15: los demás, que hagan cola
            peers.append(self.listener)
        reading = [peer for peer in peers if peer.closing is None]
        writing = [peer for peer in peers if peer.output]  # con todos, no dormiría
        return map(set, select.select(reading, writing, [])[:2])

    def on_acceptable(self):
        with contextlib.suppress(OSError):  # quizá se arrepintió
            sock, address = self.listener.file.accept()
            sock.setblocking(False)  # F15: quien se apaga sin más no se va nunca
            self.clients.append(Peer(sock, address[0]))

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
        else:  # el nombre es un estado más: nadie se para a esperarlo
            send(f"CLIENT: {peer.who}", peer)
            peer.name, peer.who = name, f"{name}@{peer.who}"
            send(f"(Conectado: nuevo cliente ({len(rest)+1}) desde {peer.who})", *rest)

    def others(self, client):
        return [other for other in self.clients if other.name and other is not client]

    def reap(self):
        while gone := [client for client in self.clients if client.closing is not None]:
            for client in gone:  # avisar de ello puede romper a otro: se repite
                if client.closing:  # T4-11: si envió algo más, puede no llegarle
                    send(f"ERROR: {client.closing}", client)
                client.file.close()
                self.clients.remove(client)
                if client.name:
                    send(f"(Desconectado: cliente {client.who})", *self.others(client))


class ChatClient:
    def __init__(self, address, name):  # su socket sí espera: nadie más lo necesita
        self.server = Peer(socket.create_connection(address[:2]))
        self.keyboard, self.watched = open(0, "rb", buffering=0), [self.server]
        send(f"NAME: {name}", self.server)

    def run(self):
        while self.server.closing is None:
            readable, _, _ = select.select(self.watched, [], [])
            if self.server in readable:
                for text in receive(self.server):
                    self.on_message(text.translate(CONTROL))  # nada borra la pantalla
            if self.keyboard in readable:
                self.on_line(self.keyboard.readline())  # sin búfer, select las ve todas
        if not self.keyboard.closed:
            sys.exit(f"{PROGRAM}: el servidor cerró la conversación; vuelve luego")

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
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))  # T3-16: sin ser un descriptor
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        (ChatServer(family, address) if serving else ChatClient(address, name)).run()
    except (socket.gaierror, UnicodeError):
        sys.exit(f"{PROGRAM}: no se encuentra esa máquina; revisa --host")
    except OSError:
        why = "otro programa ya escucha ahí" if serving else "nadie escucha ahí"
        sys.exit(f"{PROGRAM}: no se puede: quizá {why}; prueba con otro --port")


if __name__ == "__main__":
    main()
