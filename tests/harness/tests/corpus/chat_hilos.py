"""Chats con hilos y colas, en Python: el argumento dice cuál. Del nombre no miran casi nada."""

import queue
import sys
import threading

from serve import serve

WHICH = sys.argv[1]
lock = threading.Lock()
members = []


class NoLock:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


order = NoLock() if WHICH == "sin_orden" else lock


def read(client):
    def exactly(count):
        data = b""
        while len(data) < count:
            got = client.recv(count - len(data))
            if not got:
                raise OSError
            data += got
        return data

    return exactly(int.from_bytes(exactly(4), "big")).decode()


def encode(text):
    body = text.encode()
    return len(body).to_bytes(4, "big") + body


def tell(author, text):
    for member in list(members):
        if member is not author:
            if WHICH == "escribe_ya":
                member.client.sendall(encode(text))
            else:
                member.queue.put(text)


class Member:
    def __init__(self, client):
        self.client, self.ip = client, client.getpeername()[0]
        self.name, self.queue = read(client).removeprefix("NAME: "), queue.Queue()
        self.who = f"{self.name}@{self.ip}"

    def write(self):
        while (text := self.queue.get()) is not None:
            try:
                self.client.sendall(encode(text))
            except OSError:
                return


def attend(client):
    member = Member(client)
    writer = threading.Thread(target=member.write, daemon=True)
    writer.start()
    with lock:
        tell(None, f"(Conectado: nuevo cliente ({len(members) + 1}) desde {member.who})")
        if WHICH == "escribe_ya":
            client.sendall(encode(f"CLIENT: {member.ip}"))
        else:
            member.queue.put(f"CLIENT: {member.ip}")
        members.append(member)
    try:
        while True:
            text = read(client)
            with order:
                tell(member, f"#[{member.who}]>> {text}")
    finally:
        with lock:
            members.remove(member)
            tell(member, f"(Desconectado: cliente {member.who})")
        member.queue.put(None)
        writer.join()


serve(attend)
