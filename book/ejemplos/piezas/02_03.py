# ANCHOR: wait
def wait(self):
    reading = [self.listener]
    for client in self.clients.values():
        reading.append(client.stream)
    reading, _, _ = select.select(reading, [], [])
    readable = []
    for id, client in self.clients.items():
        if client.stream in reading:
            readable.append(id)
    return self.listener in reading, readable
# ANCHOR_END: wait

# ANCHOR: on_acceptable
def on_acceptable(self):
    try:
        stream, _ = self.listener.accept()
    except OSError:
        return
    self.clients[self.next_id] = Client(stream)
    self.next_id += 1
# ANCHOR_END: on_acceptable

# ANCHOR: on_readable
def on_readable(self, id):
    client = self.clients.get(id)
    if client is None:
        return
    try:
        data = client.stream.recv(4096)
    except OSError:
        data = b""
    if data:
        self.broadcast(id, data)
    else:
        client.closing = True
# ANCHOR_END: on_readable

# ANCHOR: broadcast
def broadcast(self, sender, data):
    for id, client in self.clients.items():
        if id != sender:
            try:
                client.stream.sendall(data)
            except OSError:
                client.closing = True
# ANCHOR_END: broadcast

# ANCHOR: reap
def reap(self):
    for id, client in list(self.clients.items()):
        if client.closing:
            client.stream.close()
            del self.clients[id]
# ANCHOR_END: reap

