"""Eco: select dice cuándo aceptar, y cada cliente tiene un hilo."""
import select
import socket
import threading


def echo(client):
    while data := client.recv(4096):
        client.sendall(data)
    client.close()


def serve(listener):
    while True:
        select.select([listener], [], [])
        client, _ = listener.accept()
        threading.Thread(target=echo, args=[client], daemon=True).start()


def main():
    listener = socket.create_server(("127.0.0.1", 0))
    print("Escuchando en 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    serve(listener)


main()  # Aquí empieza.
