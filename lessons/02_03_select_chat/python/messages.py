"""Los mensajes del chat: cómo viajan, y quién los envía y los recibe."""

import contextlib
import os
import time

MAX_TEXT = 65_536  # bytes de un marco
FULL, MAX_QUEUE = 65_536, 1024 * 1024  # bytes en la cola de alguien: mucho; demasiado
PATIENCE = 5  # segundos que se espera a quien la tiene llena y no lee nada


# ANCHOR: send
def send(text, *peers):
    """Pone un marco en la cola de cada cual y escribe ya lo que quepa."""
    body = text.encode()
    for peer in peers:
        # La longitud, en orden de red, y el texto.
        peer.output += len(body).to_bytes(4, "big") + body
        peer.flush()
        if len(peer.output) > MAX_QUEUE:  # si muchos hablan en la misma vuelta
            peer.closing = "no lees tus mensajes"
# ANCHOR_END: send


# ANCHOR: receive
def receive(peer):
    """Lee una vez y entrega los mensajes completos: ninguno, uno o cien."""
    peer.fill()
    while peer.closing is None and len(peer.input) >= 4:
        length = int.from_bytes(peer.input[:4], "big")
        if length > MAX_TEXT:  # se sabe antes de guardar el texto
            peer.closing = "ese mensaje es demasiado largo"
        if peer.closing or length > len(peer.input) - 4:
            return  # TCP lleva bytes, no mensajes: falta por llegar
        body = peer.input[4 : 4 + length]
        del peer.input[: 4 + length]
        try:
            yield body.decode()
        except UnicodeDecodeError:
            peer.closing = "el texto de un marco debe ser UTF-8"
# ANCHOR_END: receive


class Peer:
    def __init__(self, file, who=None):
        self.file, self.who, self.name = file, who, None
        self.fileno = file.fileno  # por este método, select acepta el objeto
        self.input, self.output = bytearray(), bytearray()  # sin usar; sin enviar
        self.closing = None  # por qué ya no se le escucha; «», si es que se fue
        self.since = time.monotonic()  # cuándo le cupo algo por última vez

    def fill(self):
        size = len(self.input)
        with contextlib.suppress(OSError):  # un reinicio es otro final
            self.input += os.read(self.fileno(), 8192)
        if len(self.input) == size:  # cero bytes son el final
            self.closing = ""
        return self.input

    def flush(self):
        with contextlib.suppress(OSError):  # no cabe más; o se fue, y lo dirá fill
            del self.output[: os.write(self.fileno(), self.output)]
            self.since = time.monotonic()

    def is_full(self):
        return len(self.output) > FULL

    def is_late(self):
        return time.monotonic() > self.since + PATIENCE
