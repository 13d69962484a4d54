"""Webs escritas a mano, en Python: el argumento dice en qué se aparta de la de siempre."""

import re
import socket
import sys
import time
from email.utils import formatdate

from serve import serve

WHICH = sys.argv[1]
PAGE = "¡Hola desde EpollServer!\n".encode()
REASONS = {200: "OK", 400: "Bad Request", 405: "Method Not Allowed", 408: "Request Timeout"}
TYPES = {
    "charset_en_mayusculas": "text/plain; charset=UTF-8",
    "tipo_en_mayusculas": "Text/Plain;charset=utf-8",
    "charset_entre_comillas": 'text/plain; charset="utf-8"',
    "sin_charset": "text/plain",
}


class Refused(Exception):
    pass


class Conversation:
    def __init__(self, client):
        self.client, self.data = client, b""

    def more(self, deadline=None):
        if deadline and WHICH != "sin_plazo":
            self.client.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            got = self.client.recv(8192)
        except TimeoutError:
            raise Refused(408) from None
        finally:
            self.client.settimeout(None)  # a quien no lee se le espera
        if not got:
            raise EOFError
        self.data += got

    def take(self, count, deadline=None):
        while len(self.data) < count:
            self.more(deadline)
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def line(self):
        while b"\r\n" not in self.data:
            self.more()
        line, self.data = self.data.split(b"\r\n", 1)
        return line

    def head(self):
        deadline = None
        while b"\r\n\r\n" not in self.data:
            if len(self.data) > 8192 and WHICH != "cabecera_sin_fin":
                raise Refused(431)
            deadline = deadline or (time.monotonic() + 8 if self.data else None)
            self.more(deadline)
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        if len(head) > 8192 and WHICH != "cabecera_sin_fin":
            raise Refused(431)
        return head

    def request(self):
        first, *lines = self.head().split(b"\r\n")
        match = re.fullmatch(rb"([A-Z]+) [!-~]+ HTTP/(\d)\.(\d)", first)
        if not match:
            odd = WHICH == "basura_501" and not first.startswith(b"GET ")
            raise Refused(501 if odd else 400)
        if match[2] != b"1":
            raise Refused(400 if WHICH == "version_400" else 505)
        fields = {}
        for line in lines:
            field = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*", line)
            if not field:
                raise Refused(400)
            if WHICH == "unas_mayusculas" and field[1].islower():
                continue
            fields.setdefault(field[1].lower(), []).append(field[2].lower())
        hosts = len(fields.get(b"host", []))
        if match[3] != b"0" and (hosts == 0 or hosts > 1 and WHICH != "dos_host"):
            raise Refused(400)
        return match[1], match[3] == b"0", fields

    def skip_body(self, fields):
        lengths = fields.get(b"content-length", [])
        if len(lengths) > 1 or not all(map(bytes.isdigit, lengths)):
            raise Refused(400)
        coded = b"transfer-encoding" in fields and WHICH != "sin_trozos"
        deadline = None
        if b"100-continue" in fields.get(b"expect", []):
            if WHICH == "sin_100":
                deadline = time.monotonic() + 8
            else:
                self.client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not coded:
            length = int(lengths[0]) if lengths else 0
            if WHICH == "corta_lo_leido":
                length = min(length, len(self.data))
            self.take(length, deadline)
            return False
        while True:
            size = self.line().split(b";")[0]
            if not re.fullmatch(rb"[0-9A-Fa-f]+", size):
                raise Refused(400)
            if int(size, 16) == 0:
                while self.line():
                    pass
                return bool(lengths)
            self.take(int(size, 16) + 2)

    def run(self):
        count = 0
        while True:
            method, old, fields = self.request()
            ambiguous = self.skip_body(fields)
            separator = b"," if WHICH != "sin_listas" else b"\0"
            options = separator.join(fields.get(b"connection", [])).replace(b" ", b"")
            options = options.split(separator)
            keeps = old and b"keep-alive" in options
            closes = ambiguous or b"close" in options or (old and not keeps)
            if WHICH == "keep_alive_cerrado" and keeps:  # HTTP/1.0 no obliga a seguir
                keeps, closes = False, True
            count += 1
            if WHICH == "cierra_a_las_cien" and count == 100:
                closes = True
            if method in (b"GET", b"HEAD") or WHICH == "post_es_get":
                self.answer(200, PAGE, method, closes, keeps)
            else:
                self.answer(405, b"Solo GET y HEAD.\n", method, closes, keeps)
            if closes:
                return

    def answer(self, status, body, method=b"GET", closes=False, keeps=False):
        if WHICH == "provisional" and status == 200:
            self.client.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        version = "1.0" if WHICH == "errores_http_1_0" and status >= 400 else "1.1"
        reason = "" if WHICH == "sin_frase" else REASONS.get(status, "No")
        fields = [f"Content-Type: {TYPES.get(WHICH, 'text/plain; charset=utf-8')}"]
        if WHICH != "sin_fecha":
            fields.append(f"Date: {formatdate(usegmt=True)}")
        length = len(body)
        if WHICH == "longitud_en_caracteres":
            length = len(body.decode())
        if WHICH == "head_con_cero" and method == b"HEAD":
            length = 0
        odd = WHICH in ("errores_por_trozos", "errores_sin_longitud", "pagina_por_trozos")
        odd = odd and (status == 200) == (WHICH == "pagina_por_trozos") and method != b"HEAD"
        if odd and WHICH != "errores_sin_longitud":
            fields.append("Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        elif not odd and not (WHICH == "head_sin_longitud" and method == b"HEAD"):
            fields.append(f"Content-Length: {length}")
        closes = closes or (odd and WHICH == "errores_sin_longitud")
        if closes or WHICH == "anuncia_y_sigue":
            fields.append("Connection: close")
        elif keeps and WHICH != "keep_alive_callado":
            fields.append("Connection: keep-alive")
        if WHICH == "campos_en_minusculas":
            fields = [f"{name.lower()}:{value}" for name, value in (f.split(": ", 1) for f in fields)]
        head = "\r\n".join([f"HTTP/{version} {status} {reason}", *fields, "", ""]).encode()
        self.client.sendall(head + (b"" if method == b"HEAD" and WHICH != "head_con_cuerpo" else body))
        if odd and WHICH == "errores_sin_longitud":
            raise EOFError


def attend(client):
    conversation = Conversation(client)
    try:
        conversation.run()
    except Refused as refused:
        try:
            conversation.answer(refused.args[0], b"No.\n", closes=True)
        except EOFError:
            pass
    except EOFError:
        pass
    if WHICH == "cierra_sin_leer":
        return
    client.shutdown(socket.SHUT_WR)
    client.settimeout(5)
    while client.recv(65536):
        pass


serve(attend)
