# ANCHOR: serve
def serve(port):
    listener = socket.create_server(("127.0.0.1", port))
    print("Escuchando en 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
    while True:
        client, _ = listener.accept()
        with client, contextlib.suppress(OSError):
            echo(client)
# ANCHOR_END: serve

# ANCHOR: echo
def echo(client):
    while data := client.recv(1024):
        client.sendall(data)
# ANCHOR_END: echo

