"""Un eco con epoll por flanco, mal a propósito: lee una sola vez por aviso."""

import select
import socket
import sys

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(5)
print("Escuchando en 127.0.0.1:%d" % server.getsockname()[1], flush=True)
epoll = select.epoll()
epoll.register(server.fileno(), select.EPOLLIN)
clients = {}

while True:
    for number, event in epoll.poll():
        if number == server.fileno():
            client, address = server.accept()
            client.setblocking(False)
            clients[client.fileno()] = client
            epoll.register(client.fileno(), select.EPOLLIN | select.EPOLLET)
            continue
        data = clients[number].recv(16)
        if not data:
            clients.pop(number).close()
            continue
        clients[number].send(data)
