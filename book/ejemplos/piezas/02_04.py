# ANCHOR: on_readable
def on_readable(self, fd):
    client = self.clients.pop(fd, None)
    if client is None:
        return
    try:
        if client.recv(4096):
            client.sendall(RESPONSE)
    except OSError:
        pass
    client.close()
# ANCHOR_END: on_readable

