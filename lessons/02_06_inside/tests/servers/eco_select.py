"""Eco con select: de la mínima ayuda. Lee a trozos de 4 bytes."""
import select
import socket

listener = socket.create_server(("127.0.0.1", 0))
clients = []
while True:
    readable, _, _ = select.select([listener, *clients], [], [])
    for ready in readable:
        if ready is listener:
            clients.append(ready.accept()[0])
        elif data := ready.recv(4):
            ready.sendall(data)
        else:
            clients.remove(ready)
            ready.close()
