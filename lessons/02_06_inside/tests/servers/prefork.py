"""Dos procesos aceptan del mismo socket. El segundo muere al recibir «muere»."""
import os
import signal
import socket

listener = socket.create_server(("127.0.0.1", 0))
child = os.fork()
if child:
    os.waitpid(child, 0)
while True:
    client, _ = listener.accept()
    data = client.recv(100)
    client.sendall(data)
    client.close()
    if data == b"muere":
        os.kill(os.getpid(), signal.SIGKILL)
