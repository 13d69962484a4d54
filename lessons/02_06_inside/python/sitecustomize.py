"""Lo que la ventana añade a un Python que graba: avisar de desde qué línea se llama al núcleo.

De un intérprete, strace solo ve sus funciones de C. Por eso, justo antes de cada llamada que
importa, el hilo que va a hacerla intenta mirar un archivo que no existe: access(2) falla, no cambia
nada, y strace escribe su nombre, que lleva dentro la línea.

Python ejecuta este archivo al arrancar, por estar en una carpeta de PYTHONPATH; después, el programa
no la encuentra ahí, ni la heredan sus hijos.

Nada de aquí debe fallar, ni atrapar excepciones: la que llegue es de una señal, y es del programa.
Si llega mientras se avisa, Python quita el perfil de ese hilo: desde ahí, sin líneas.
"""
import os
import sys


def install():
    """Empieza a avisar, en este hilo y en los que nazcan después."""
    import _socket
    import select
    import threading
    import time

    access = os.access
    join, normal = os.path.join, os.path.normpath
    start = os.getcwd()
    standard = os.path.dirname(os.__file__) + os.sep
    socket_file = standard + "socket.py"

    # Cómo se llama en Python, y qué parte de su nombre comparten las llamadas al núcleo que hace:
    # `select` está en select y en pselect6.
    words = {
        "_accept": "accept", "bind": "bind", "listen": "listen",
        "connect": "connect", "connect_ex": "connect",
        "recv": "recv", "recv_into": "recv", "recvfrom": "recv", "recvfrom_into": "recv",
        "recvmsg": "recv", "recvmsg_into": "recv",
        "send": "send", "sendall": "send", "sendto": "send", "sendmsg": "send",
        "sendfile": "sendfile", "read": "read", "readv": "read", "write": "write", "writev": "write",
        "shutdown": "shutdown", "setsockopt": "setsockopt", "close": "close",
        "setblocking": "ioctl", "settimeout": "ioctl", "set_blocking": "ioctl",
        "dup": "dup", "dup2": "dup",
        "select": "select", "poll": "poll", "sleep": "sleep",
        "register": "epoll_ctl", "modify": "epoll_ctl", "unregister": "epoll_ctl",
    }  # fmt: skip
    owners = (_socket.socket, select.epoll, type(select.poll()))
    functions = {
        select.select, _socket.close, time.sleep, os.read, os.readv, os.write, os.writev, os.close,
        os.sendfile, os.dup, os.dup2, os.set_blocking,
    }  # fmt: skip
    known = {}

    def own(name):
        """El archivo, si es de quien programa: ni la biblioteca estándar ni lo instalado."""
        if name not in known:
            path = normal(join(start, name))
            foreign = name.startswith("<") or path.startswith(standard)
            foreign = foreign or "/site-packages/" in path or "/dist-packages/" in path
            known[name] = None if foreign else path.encode("utf-8", "surrogateescape")
        return known[name]

    def mark(word, frame):
        """De dentro afuera, hasta cuatro sitios."""
        places = []
        while frame is not None and len(places) < 4:
            code = frame.f_code
            file = own(code.co_filename)
            if file:
                function = code.co_name.encode("utf-8", "replace")
                places.append(b"%s\t%d\t%s" % (file, frame.f_lineno or 0, function))
            frame = frame.f_back
        if places:
            name = b"\t".join([b"@ventana", word.encode(), *places])
            access(name.replace(b"\0", b""), 0)

    def hook(frame, event, arg):
        if event == "c_call":
            word = words.get(arg.__name__)
            if word and (issubclass(type(arg.__self__), owners) or arg in functions):
                mark(word, frame)
        elif event == "call":
            # Crear un socket no es llamar a una función de C, sino a su tipo.
            code = frame.f_code
            if code.co_name == "__init__" and code.co_filename == socket_file:
                if frame.f_locals.get("fileno", 0) is None:
                    mark("socket", frame)

    threading.setprofile(hook)
    sys.setprofile(hook)


def hide():
    """Deja sys.path y PYTHONPATH como el programa los habría visto."""
    folder = os.path.dirname(__file__)
    ours, _, rest = os.environ.get("PYTHONPATH", "").partition(os.pathsep)
    if os.path.normpath(ours) == os.path.normpath(folder):
        if rest:
            os.environ["PYTHONPATH"] = rest
        else:
            del os.environ["PYTHONPATH"]
    if folder in sys.path:
        sys.path.remove(folder)
    sys.path_importer_cache.pop(folder, None)
    del sys.modules["sitecustomize"]


hide()
try:
    install()
except (AttributeError, ImportError, OSError):
    pass  # Un Python al que le falta algo: sin líneas, y ya está.

# El que habría, si lo hay. Si no, Python cuenta con que esto falle.
import sitecustomize  # noqa: E402, F401
