"""Gira: pregunta sin dormir, todo lo deprisa que puede, hasta que alguien llama."""
import select
import socket

listener = socket.create_server(("127.0.0.1", 0))
while not select.select([listener], [], [], 0)[0]:
    pass
