"""Un chat con select, mal a propósito: vigila a todos para escribir, siempre (T3-10)."""

import select
import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
print("Escuchando en 127.0.0.1:%d" % server.getsockname()[1], flush=True)
inputs, outputs = [server], []

while True:
    readable, writable, _ = select.select(inputs, outputs, [])
    for sock in readable:
        if sock is server:
            client, address = server.accept()
            inputs.append(client)
            outputs.append(client)
            continue
        data = sock.recv(1024)
        if not data:
            inputs.remove(sock)
            outputs.remove(sock)
            sock.close()
            continue
        for other in outputs:
            if other is not sock:
                other.send(data)
