# Un eco que atiende a uno detrás de otro.
import signal
import socket

# Sin esto, Python apunta la señal y la mira después: si llega justo antes de accept, nadie la mira.
signal.signal(signal.SIGINT, signal.SIG_DFL)

listener = socket.create_server(("127.0.0.1", 0))
print("Escuchando en 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    with client:
        while data := client.recv(4096):
            client.sendall(data)
