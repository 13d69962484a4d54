"""Qué dice la cabecera de una petición, y cuándo no se admite (RFC 9112)."""

import re

MAX_HEAD, BLANK_LINE = 8192, re.compile(rb"\r?\n\r?\n")
TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Del destino y de Host solo se mira que sean texto.
FIRST_LINE = re.compile(rb"(" + TOKEN.pattern + rb") [!-~]+ HTTP/(\d)\.(\d)")
VALUE = re.compile(rb"[\t -~\x80-\xff]*")


class Refusal(Exception):
    """Código y razón de un rechazo. Tras él se cierra: lo que siga no se entendería."""


def take_head(client):
    """La primera cabecera entera, o None. Ningún byte se examina dos veces."""
    client.input = client.input.lstrip(b"\r\n")
    end = BLANK_LINE.search(client.input, max(client.seen - 3, 0))
    client.seen = 0 if end else len(client.input)
    if (end.end() if end else client.seen) > MAX_HEAD:
        raise Refusal(431, "la cabecera pasa de 8 KiB")
    if not end:
        return None  # aunque ya se vea que está mal, se espera entera
    head = bytes(client.input[: end.start()])
    del client.input[: end.end()]
    return head


def parse(head):
    """El método, y si después de responder sigue la conversación."""
    first, *lines = re.split(rb"\r?\n", head)
    match = FIRST_LINE.fullmatch(first)
    if not match:
        raise Refusal(400, "la primera línea no es la de una petición")
    method, major, minor = match.groups()
    if major != b"1":
        raise Refusal(505, "este servidor habla HTTP/1.1")
    fields = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not TOKEN.fullmatch(name) or not VALUE.fullmatch(value):
            raise Refusal(400, "un campo está mal escrito")
        fields.setdefault(name.lower(), []).append(value.strip(b" \t").lower())
    hosts = fields.get(b"host", [])
    if len(hosts) > 1 or (minor != b"0" and not hosts):
        raise Refusal(400, "hace falta un campo Host, y solo uno")
    options = b",".join(fields.get(b"connection", []))
    closes = minor == b"0" or b"close" in options
    return method, not has_body(fields) and not closes


def has_body(fields):
    """Si lleva cuerpo. No se lee: se responde y se cierra, y así nadie puede colar otra
    petición en él. El de Rust lo consume, y la conversación sigue."""
    lengths = fields.get(b"content-length", [])
    if len(lengths) > 1 or not all(map(bytes.isdigit, lengths)):
        raise Refusal(400, "Content-Length debe ser un número, y uno solo")
    return b"transfer-encoding" in fields or lengths not in ([], [b"0"])
