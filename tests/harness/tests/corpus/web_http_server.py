"""La web sobre http.server, de la biblioteca de Python: una petición sin Host le parece bien."""

import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = "¡Hola desde EpollServer!\n".encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(PAGE)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


signal.signal(signal.SIGINT, lambda *_: os._exit(0))
ThreadingHTTPServer.request_queue_size = 1024
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print("Escuchando en %s:%d" % server.server_address, flush=True)
server.serve_forever()
