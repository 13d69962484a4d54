"""Eco con epoll. A quien dice «tanque» le escribe hasta que no cabe más, y vigila que quepa."""
import select
import socket

listener = socket.create_server(("127.0.0.1", 0))
epoll = select.epoll()
epoll.register(listener, select.EPOLLIN)
clients = {}
while True:
    for fd, events in epoll.poll():
        if fd == listener.fileno():
            client, _ = listener.accept()
            client.setblocking(False)
            clients[client.fileno()] = client
            epoll.register(client, select.EPOLLIN | select.EPOLLRDHUP)
        elif events & select.EPOLLIN:
            data = clients[fd].recv(1024)
            if data == b"tanque":
                while clients[fd].send(bytes(1_000_000)) == 1_000_000:
                    pass
                epoll.modify(fd, select.EPOLLIN | select.EPOLLOUT)
            elif data:
                clients[fd].send(data)
            else:
                epoll.unregister(fd)
                clients.pop(fd).close()
