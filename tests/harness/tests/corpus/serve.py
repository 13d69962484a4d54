"""Escuchar, anunciarlo y atender a cada cual en su hilo, hasta Ctrl-C."""

import os
import signal
import socket
import threading


def serve(handler, on_ctrl_c=lambda *_: os._exit(0)):
    signal.signal(signal.SIGINT, on_ctrl_c)
    threading.stack_size(256 * 1024)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print("Escuchando en %s:%d" % listener.getsockname(), flush=True)
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=attend, args=(handler, client), daemon=True).start()


def attend(handler, client):
    with client:
        try:
            handler(client)
        except OSError:
            pass
