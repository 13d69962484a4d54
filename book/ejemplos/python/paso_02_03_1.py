"""El paso 1 de la lección 02_03, en Python: lo que envía uno lo reciben los demás."""

import select
import socket
import sys


class Client:
    def __init__(self, stream):
        self.stream = stream
        self.closing = False


def serve(port):
    listener = socket.create_server(("127.0.0.1", port))
    print("Escuchando en 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    chat = Chat(listener)
    while True:
        listener_ready, readable = chat.wait()
        for id in readable:
            chat.on_readable(id)
        if listener_ready:
            chat.on_acceptable()
        chat.reap()


class Chat:
    def __init__(self, listener):
        self.listener = listener
        self.clients = {}
        self.next_id = 1

    # ANCHOR: wait
    def wait(self):
        reading = [self.listener]
        for client in self.clients.values():
            reading.append(client.stream)
        reading, _, _ = select.select(reading, [], [])
        readable = []
        for id, client in self.clients.items():
            if client.stream in reading:
                readable.append(id)
        return self.listener in reading, readable
    # ANCHOR_END: wait

    # ANCHOR: on_acceptable
    def on_acceptable(self):
        try:
            stream, _ = self.listener.accept()
        except OSError:
            return
        self.clients[self.next_id] = Client(stream)
        self.next_id += 1
    # ANCHOR_END: on_acceptable

    # ANCHOR: on_readable
    def on_readable(self, id):
        client = self.clients.get(id)
        if client is None:
            return
        try:
            data = client.stream.recv(4096)
        except OSError:
            data = b""
        if data:
            self.broadcast(id, data)
        else:
            client.closing = True
    # ANCHOR_END: on_readable

    # ANCHOR: broadcast
    def broadcast(self, sender, data):
        for id, client in self.clients.items():
            if id != sender:
                try:
                    client.stream.sendall(data)
                except OSError:
                    client.closing = True
    # ANCHOR_END: broadcast

    # ANCHOR: reap
    def reap(self):
        for id, client in list(self.clients.items()):
            if client.closing:
                client.stream.close()
                del self.clients[id]
    # ANCHOR_END: reap


if __name__ == "__main__":
    serve(int(sys.argv[1]))
