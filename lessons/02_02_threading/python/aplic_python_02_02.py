"""Lección 02_02: un eco con un hilo por cliente, con ThreadingMixIn. El servidor va en
un hilo de fondo, y tres clientes le hablan a la vez. Con --serve, sirve hasta Ctrl-C.
"""

import argparse
import contextlib
import errno
import itertools
import os
import queue
import select
import signal
import socket
import socketserver
import sys
import threading
import time

PROGRAM = "aplic_python_02_02.py"
USAGE = f"Uso: {PROGRAM} [--serve | --clients N] [--host DIRECCIÓN] [--port 0..65535]"
MAX_THREADS = 1024  # hilos a la vez; los demás clientes esperan en la cola del núcleo
PAUSE = 0.2  # segundos antes de volver a mirar si hay sitio para otro
EVERYBODY = "ya están todos dentro a la vez"
UNSERVED = "hubo clientes sin respuesta; prueba con menos --clients"
REASONS = {
    errno.EADDRINUSE: "otro programa ya escucha ahí; prueba con otro --port",
    errno.EACCES: "el sistema no lo permite; prueba con un --port mayor que 1023",
    errno.EADDRNOTAVAIL: "no es de esta máquina; prueba con --host 127.0.0.1",
}


# ANCHOR: handler
class EchoHandler(socketserver.StreamRequestHandler):
    """Devuelve cada byte, en orden, hasta que el cliente cierra su lado."""
    timeout = 60  # segundos: quien calla no ocupa un hilo para siempre
    disable_nagle_algorithm = True

    def handle(self):
        number = next(self.server.numbers)
        threading.current_thread().name = f"cliente-{number}"
        peer, total = place(self.client_address), 0
        # Este hilo duerme en recv hasta que su cliente envía algo; los
        # demás, no. Una lectura puede ser un mensaje, medio o dos: solo
        # cero bytes son el final.
        while data := self.request.recv(16 * 1024):
            if total == 0:
                text = data[:60].decode(errors="replace")
                tell(f"{peer} envía {len(data)} bytes: {text!r}")
                with contextlib.suppress(threading.BrokenBarrierError):
                    self.server.meeting.wait()
            self.request.sendall(data)
            total += len(data)
        tell(f"{peer} terminó; recibió de vuelta {total} bytes")
# ANCHOR_END: handler


# ANCHOR: server
class EchoServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """ThreadingMixIn crea los hilos; las demás precauciones están aquí."""
    allow_reuse_address = True  # volver a arrancar en el mismo puerto
    request_queue_size = 1024  # con 5, en una ráfaga alguien espera 1 s

    def __init__(self, host, port, members):
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self.address_family = found[0]  # IPv4 o IPv6
        self.slots = threading.Semaphore(MAX_THREADS)
        self.requests, self.numbers = set(), itertools.count(1)
        # En la demostración nadie responde hasta que están todos: si se
        # atendiera a uno tras otro, no se abriría nunca.
        action = (lambda: tell(EVERYBODY)) if members else None
        self.meeting = threading.Barrier(max(members, 1), action)
        super().__init__(found[4], EchoHandler)
# ANCHOR_END: server

# ANCHOR: slots
    def get_request(self):
        # Sin sitio no se acepta: serve_forever vuelve a mirar.
        if not self.slots.acquire(timeout=PAUSE):
            raise BlockingIOError
        try:
            request, address = super().get_request()
        except OSError:
            self.slots.release()
            time.sleep(PAUSE)  # sin descriptores, insistir es girar
            raise
        self.requests.add(request)
        return request, address

    def shutdown_request(self, request):
        # Por aquí pasa una vez cada conexión, acabe como acabe.
        self.requests.discard(request)
        super().shutdown_request(request)
        self.slots.release()
# ANCHOR_END: slots

    def handle_error(self, request, client_address):
        tell(f"{place(client_address)}: {reason(sys.exc_info()[1])}")

# ANCHOR: stop
    def stop(self):
        self.shutdown()
        # Despierta a quienes duermen en recv. server_close espera a todos.
        self.meeting.abort()
        for request in list(self.requests):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)
        with contextlib.suppress(RuntimeError):  # un hilo no pudo empezar
            self.server_close()
# ANCHOR_END: stop


# ANCHOR: client
def ask(address, message):
    """Envía `message`, cierra su lado y lee hasta el final."""
    with socket.create_connection(address[:2], timeout=60) as client:
        client.sendall(message)
        client.shutdown(socket.SHUT_WR)  # el servidor leerá cero bytes
        answer = b"".join(iter(lambda: client.recv(4096), b""))
        return place(client.getsockname()), answer
# ANCHOR_END: client


# ANCHOR: try_out
def try_out(number, server, news):
    """Un cliente de prueba: cuenta en `news` si recibió lo que envió."""
    threading.current_thread().name = f"prueba-{number}"
    message, answer = f"Hola desde prueba-{number}".encode(), None
    try:
        local, answer = ask(server.server_address, message)
        tell(f"desde {local} recibió {answer.decode(errors='replace')!r}")
    except OSError as error:
        tell(f"sin respuesta: {reason(error)}")
        server.meeting.abort()  # que nadie espere a quien no vendrá
    news.put(answer == message)
# ANCHOR_END: try_out


def await_stop(stop, news):
    signal.sigwait(stop)
    news.put(None)


# ANCHOR: run
def run(options):
    # Ctrl-C es una noticia más: un hilo la espera. A los demás no los
    # interrumpe, porque heredan la máscara.
    news, stop = queue.SimpleQueue(), {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop)
    waiting = threading.Thread(target=await_stop, args=(stop, news))
    waiting.daemon = True
    waiting.start()
    threading.stack_size(256 * 1024)  # así caben mil en cualquier sitio
    count = 0 if options.serve else options.clients
    server = EchoServer(options.host, options.port, min(count, MAX_THREADS))
    say(f"Escuchando en {place(server.server_address)}")
    background = threading.Thread(target=server.serve_forever, name="servidor")
    background.start()
    try:
        for number in range(1, count + 1):  # todos a la vez
            arguments = number, server, news
            threading.Thread(target=try_out, args=arguments).start()
        # La noticia de cada cliente de prueba; o None, que es terminar.
        served = list(itertools.islice(iter(news.get, None), count or None))
    finally:
        server.stop()  # se salga como se salga
    if not all(served):
        sys.exit(f"{PROGRAM}: {UNSERVED}")
# ANCHOR_END: run


# ANCHOR: tell
def say(line, console=threading.Lock()):
    """Una línea entera: no se mezclan unas con otras. Si no cabe, porque
    nadie lee la salida, se pierde: un hilo no espera a la terminal."""
    with console, contextlib.suppress(OSError):
        if select.select([], [1], [], 0)[1]:
            os.write(1, f"{line}\n".encode())


def tell(line):
    say(f"[{threading.current_thread().name}] {line}")
# ANCHOR_END: tell


def place(address):
    host, port = address[:2]  # las de IPv6 traen dos cosas más
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def reason(error):
    if isinstance(error, (socket.gaierror, UnicodeError)):
        return "no se encuentra esa máquina; revisa --host"
    if isinstance(error, RuntimeError):
        return "el sistema no da más hilos; prueba con menos --clients"
    return REASONS.get(getattr(error, "errno", 0), "la conexión falló o agotó su plazo")


def main():
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.error = lambda _: parser.exit(2, f"{PROGRAM}: así no. {USAGE}\n")
    parser.add_argument("-h", "--help", action="version", version=USAGE)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--clients", type=int, choices=range(1, 100_001), default=3)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, choices=range(65536), default=0)
    options = parser.parse_args()
    try:
        run(options)
    except (OSError, UnicodeError, RuntimeError) as error:
        sys.exit(f"{PROGRAM}: {options.host}, puerto {options.port}: {reason(error)}")


if __name__ == "__main__":
    main()
