"""Un eco con epoll al que le pasa algo: el capítulo «Por dentro» pregunta qué."""

import select
import socket
import sys

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(1024)
print("Escuchando en 127.0.0.1:%d" % server.getsockname()[1], flush=True)
epoll = select.epoll()
epoll.register(server.fileno(), select.EPOLLIN)
clients, pending = {}, {}

while True:
    for number, event in epoll.poll():
        if number == server.fileno():
            client, address = server.accept()
            client.setblocking(False)
            clients[client.fileno()] = client
            pending[client.fileno()] = b""
            epoll.register(client.fileno(), select.EPOLLIN)
            continue
        client = clients[number]
        if event & select.EPOLLIN:
            data = client.recv(4096)
            if not data:
                del clients[number], pending[number]
                client.close()
                continue
            pending[number] += data
        try:
            count = client.send(pending[number])
            pending[number] = pending[number][count:]
        except BlockingIOError:
            pass
        interest = select.EPOLLIN | (select.EPOLLOUT if pending[number] else 0)
        epoll.modify(number, interest)
