"""Ecos con un hilo por cliente, en Python: el argumento dice cuál."""

import signal
import socket
import struct
import sys
import threading

from serve import serve

turn = threading.Lock()


def bien(client):
    while data := client.recv(65536):
        client.sendall(data)


def gota_a_gota(client):
    """Raro, y vale: lee y devuelve de poco en poco."""
    while data := client.recv(512):
        client.sendall(data)


def avisa_y_cierra(client):
    """Raro, y vale: cierra los dos lados por separado."""
    bien(client)
    client.shutdown(socket.SHUT_WR)


def una_vez(client):
    client.sendall(client.recv(1024))


def espera_el_final(client):
    client.sendall(b"".join(iter(lambda: client.recv(65536), b"")))


def linea_a_linea(client):
    for line in client.makefile("rb"):
        client.sendall(line)


def texto(client):
    while data := client.recv(65536):
        client.sendall(data.decode(errors="ignore").encode())


def hasta_el_cero(client):
    while data := client.recv(65536):
        client.sendall(data.split(b"\0")[0] if b"\0" in data else data)


def calla_con_el_callado(client):
    data = client.recv(65536)
    if not data:
        threading.Event().wait()
    client.sendall(data)
    bien(client)


def uno_tras_otro(client):
    with turn:
        bien(client)


def reinicia(client):
    bien(client)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


if sys.argv[1] == "traza_al_final":
    serve(bien, signal.default_int_handler)
serve(globals()[sys.argv[1]])
