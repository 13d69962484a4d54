"""Un chat con select, mal a propósito: el nombre se lee al aceptar (T3-03)."""

import select
import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
print("Escuchando en 127.0.0.1:%d" % server.getsockname()[1], flush=True)
inputs, names = [server], {}

while True:
    readable, _, _ = select.select(inputs, [], [])
    for sock in readable:
        if sock is server:
            client, address = server.accept()
            names[client] = client.recv(1024).decode().strip()
            inputs.append(client)
            continue
        data = sock.recv(1024)
        if not data:
            inputs.remove(sock)
            del names[sock]
            sock.close()
            continue
        for other in names:
            if other is not sock:
                other.send(b"[%s] %s" % (names[sock].encode(), data))
