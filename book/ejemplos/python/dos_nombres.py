"""Dos nombres para el mismo socket: cerrarlo por uno es cerrarlo por los dos."""

import socket

ana, beto = socket.socketpair()
# ANCHOR: names
clients = {1: ana}
friend = ana  # otro nombre para el mismo socket
friend.close()
try:
    clients[1].send(b"hola")
except OSError as error:
    print(error)
# ANCHOR_END: names
