"""Las órdenes del libro, de las dos maneras: en la terminal y en Python.

Recibe el puerto de un eco, el de la web de la lección y el número del proceso de esta. Cada línea
que cita «Las órdenes del libro» está aquí, y aquí se comprueba que hace lo que dice su fila.
"""

import difflib
import os
import re
import resource
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter

echo, web, pid = map(int, sys.argv[1:])
os.chdir(tempfile.mkdtemp())


def bash(command):
    """Lo que se ve al escribir esa orden en una terminal de bash."""
    command = command.replace("8802", str(echo)).replace("8080", str(web))
    shell = ["bash", "-c", f"exec 2>&1; {command}"]
    done = subprocess.run(shell, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    return done.stdout


def same(command, ours):
    """La orden y Python dan lo mismo."""
    if not isinstance(ours, bytes):
        ours = f"{ours}\n".encode()
    shown = bash(command)
    assert shown == ours, f"{command}: la terminal da {shown!r}, y Python, {ours!r}"


def nc():
    port = echo
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"hola\n")
    s.shutdown(socket.SHUT_WR)
    answer = s.makefile("rb").read()
    same("echo hola | nc -N 127.0.0.1 8802", answer)
    assert s.recv(4096) == b""
    same("nc -d 127.0.0.1 8802 & sleep 0.3; kill $!", b"")

    s = socket.socket()
    listening = s.connect_ex(("127.0.0.1", port)) == 0
    same("nc -z 127.0.0.1 8802 && echo True || echo False", listening)
    with socket.socket() as taken:  # un puerto en el que nadie escucha
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        s = socket.socket()
        assert s.connect_ex(("127.0.0.1", port)) != 0
        assert bash(f"nc -z 127.0.0.1 {port} || echo 'nadie'") == b"nadie\n"

    s = socket.create_connection(("127.0.0.1", web))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = s.makefile("rb").read().splitlines(keepends=True)[-1]
    same(r"printf 'GET / HTTP/1.0\n\n' | nc -C 127.0.0.1 8080 | tail -n 1", answer)
    # Sin -N, al acabarse la entrada se sigue escuchando: el eco no sabe que ya está.
    same("timeout 1 nc 127.0.0.1 8802 < /dev/null; echo código $?", "código 124")
    same("echo hola | timeout 1 nc 127.0.0.1 8802; echo código $?", "hola\ncódigo 124")


def dev_tcp():
    port = echo
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(b"hola\n")
    line = s.makefile("rb").readline()
    same("exec 3<>/dev/tcp/127.0.0.1/8802; echo hola >&3; head -n 1 <&3; exec 3>&-", line)
    s.close()
    s = socket.create_connection(("127.0.0.1", web))
    s.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = s.makefile("rb").read().splitlines(keepends=True)[-1]
    request = r"printf 'GET / HTTP/1.0\r\n\r\n' >&3"
    same(f"exec 3<>/dev/tcp/127.0.0.1/8080; {request}; cat <&3 | tail -n 1", answer)


def a_descriptor_with_a_name():
    port = echo
    s = socket.create_connection(("127.0.0.1", port))
    fd = s.fileno()
    os.write(fd, b"hola\n")
    data = os.read(fd, 4096)
    connect = "exec {s}<>/dev/tcp/127.0.0.1/8802"
    same(f"{connect}; echo hola >&$s; head -n 1 <&$s", data)
    same("exec {s}<>/dev/null; echo $((s >= 10))", 1)
    s.close()
    clients = [socket.create_connection(("127.0.0.1", port)) for i in range(20)]
    many = "for i in {1..20}; do exec {s}<>/dev/tcp/127.0.0.1/8802; done"
    same(f"{many}; ls /proc/$$/fd | grep -c ^[12].$", len(clients))


def printf():
    text = "hola\n"
    same(r"printf 'hola\n'", text.encode())
    same("echo hola", text.encode())
    data = b"\0\0\0\12"
    assert data == bytes([0, 0, 0, 10]) and oct(10) == "0o12"
    same(r"printf '\0\0\0\12' | od -An -tx1", f" {data.hex(' ')}")
    same(r"printf '\0\0\0\12' | wc -c", len(data))
    data = bytes([0o377])
    same(r"printf '\377'", data)
    same(r"printf '\377' | od -An -tx1z | tr -s ' '", " ff >.<")
    same(r"printf '¡Hola!' | wc -m -c | tr -s ' '", f" {len('¡Hola!')} {len('¡Hola!'.encode())}")
    text = "a\r\n"
    same(r"printf %s $'a\r\n'", text.encode())
    text = "".join(f"{it}\r\n" for it in ["uno", "dos"])
    same(r"printf '%s\r\n' uno dos", text.encode())


def pgrep_and_proc():
    def name(process):
        try:
            return open(f"/proc/{process}/comm").read().rstrip("\n")
        except OSError:
            return ""  # ya no está

    def started(process):
        return int(open(f"/proc/{process}/stat").read().split()[21])

    everyone = [int(it) for it in os.listdir("/proc") if it.isdigit()]
    pids = [it for it in everyone if name(it) == "aplic_02_04"]
    assert pid in pids and str(pid).encode() in bash("pgrep -x aplic_02_04").split()
    # Puede haber otros en marcha, que empiecen y acaben entre una pregunta y otra.
    pids = [pid, os.getpid()]
    # El reloj de /proc da 100 por segundo: pueden haber empezado a la vez.
    first, last = min(pids, key=started), max(pids, key=started)
    assert first == pid and started(last) == started(os.getpid())
    assert bash("pgrep -ox aplic_02_04").strip() and bash("pgrep -n aplic_02_04").strip()
    names = os.listdir(f"/proc/{pid}/fd")
    same(f"ls /proc/{pid}/fd | wc -l", len(names))
    same(f"ls -m /proc/{pid}/fd", ", ".join(sorted(names, key=str)))
    assert os.listdir("/proc/self/fd")
    lines = [it for it in open(f"/proc/{pid}/status") if it.startswith("vol")]
    same(f"grep ^vol /proc/{pid}/status", "".join(lines).encode())
    fields = open(f"/proc/{pid}/stat").read().split()
    same(f"awk '{{print $14 + $15}}' /proc/{pid}/stat", int(fields[13]) + int(fields[14]))
    threads = os.listdir(f"/proc/{pid}/task")
    same(f"ps -L -p {pid} -o lwp= | wc -l", len(threads))
    same(f"ps -L -p {pid} -o comm= | head -n 1", name(pid))


def ss():
    rows = [line.split() for line in open("/proc/net/tcp")]
    listening = [it for it in rows if it[1].endswith(f":{web:04X}") and it[3] == "0A"]
    same("ss -Htln 'sport = :8080' | wc -l", len(listening))
    assert f"pid={pid}".encode() in bash("ss -tlnp 'sport = :8080'")
    s = socket.create_connection(("127.0.0.1", web))
    rows = [line.split() for line in open("/proc/net/tcp")]
    mine = s.getsockname()[1]
    assert [it for it in rows if it[3] == "01" and it[1].endswith(f":{mine:04X}")]
    assert f":{mine}".encode() in bash("ss -tn state established 'dport = :8080'")
    s.close()


def strace():
    if not shutil.which("strace"):
        return
    program = r'import os; os.write(1, b"hola\n")'
    for command in ["echo hola", f"{sys.executable} -c {shlex.quote(program)}"]:
        options = "-f -tt -s 60 -e trace=write -e signal=none -o traza"
        shown = bash(f"strace {options} {command}; cat traza")
        if b"not permitted" not in shown:
            assert rb'write(1, "hola\n", 5)' in shown, shown


def pipes():
    p = subprocess.run(["tr", "o", "0"], input=b"hola\n", capture_output=True)
    same("echo hola | tr o 0", p.stdout)
    subprocess.run(["echo", "hola"], stdout=open("saludo", "wb"))
    same("echo hola > otro; cmp saludo otro && echo iguales", "iguales")
    p = subprocess.run(["wc", "-c"], stdin=open("saludo", "rb"), capture_output=True)
    same("wc -c < saludo", p.stdout)
    p = subprocess.run(["ls", "nada"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    same("ls nada 2>&1", p.stdout)
    same("ls nada > /dev/null 2>&1; echo código $?", f"código {p.returncode}")
    p = subprocess.run(["ls"], stdout=subprocess.DEVNULL)
    same("ls > /dev/null", b"")
    same("true && echo sí || echo no; false && echo sí || echo no", "sí\nno")
    p = subprocess.Popen(["sleep", "1"])
    p.wait()
    assert p.returncode == 0
    same("sleep 0.1 & wait; echo ya", "ya")
    same("(printf ho; printf la) | wc -c", 4)


def signals():
    p = subprocess.Popen(["sleep", "20"])
    p.send_signal(signal.SIGINT)
    assert p.wait() == -signal.SIGINT
    p = subprocess.Popen(["sleep", "20"])
    p.terminate()
    assert p.wait() == -signal.SIGTERM
    p = subprocess.Popen(["sleep", "20"])
    p.send_signal(signal.SIGSTOP)
    os.waitpid(p.pid, os.WUNTRACED)
    assert open(f"/proc/{p.pid}/stat").read().split()[2] == "T"
    p.send_signal(signal.SIGCONT)
    p.terminate()
    p.wait()
    p = subprocess.Popen(["sleep", "20"])
    p.send_signal(signal.SIGSTOP)
    p.kill()
    assert p.wait() == -signal.SIGKILL
    same("sleep 20 & kill -STOP $!; kill -KILL $!; wait $! 2> /dev/null; echo $?", 128 + signal.SIGKILL)
    try:
        subprocess.run(["sleep", "20"], timeout=2)
    except subprocess.TimeoutExpired:
        same("timeout 0.1 sleep 20; echo $?", 124)
    same("timeout --preserve-status -s INT 0.1 sleep 20; echo $?", 128 + signal.SIGINT)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (2000, hard))
    same("bash -c 'ulimit -n 2000; exec bash -c \"ulimit -n\"'", 2000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    soft, _ = resource.prlimit(pid, resource.RLIMIT_AS)
    same(f"prlimit --pid {pid} --as -o SOFT --noheadings", "unlimited" if soft == -1 else soft)
    if os.fork() == 0:
        os.execvp("true", ["true"])
    os.wait()


def loops():
    for i in range(1, 4):
        pass
    same("for i in {1..3}; do printf x; done; echo", "x" * i)
    same("for i in $(seq 3); do printf x; done; echo", "x" * i)
    r = "hola"
    letters = "\n".join(r[i] for i in range(len(r)))
    same("r=hola; for ((i = 0; i < ${#r}; i++)); do echo ${r:i:1}; done", letters)
    same("r=hola; echo ${#r}", len(r))
    same("r=hola; echo ${r:1:1}", r[1])
    text = subprocess.check_output(["echo", "hola"]).decode().rstrip("\n")
    same("text=$(echo hola); echo $text", text)
    same("echo $((2 + 3))", 2 + 3)
    count = lambda: len(os.listdir("."))
    same("n() { ls | wc -l; }; echo $(n)", count())
    time.sleep(1)
    same('echo "$PWD"', os.getcwd())


def texts():
    open("lineas", "w").write("uno\ndos\ndos\ntres\n")
    lines = open("lineas").read().splitlines()
    same("cat lineas", open("lineas").read().encode())
    same(r"printf '\0\4' | cat -v", b"^@^D")
    same("wc -l < lineas", len(lines))
    same("head -n 1 lineas", lines[0])
    same("tail -n 1 lineas", lines[-1])
    data = open("/dev/zero", "rb").read(3000)
    same("head -c 3000 /dev/zero | wc -c", len(data))
    text = open("lineas").read()
    same("tail -c 5 lineas", text[-5:].encode())
    same("tr o 0 < lineas", text.replace("o", "0").encode())
    same("echo a1b2 | tr -dc 0-9", re.sub("[^0-9]", "", "a1b2").encode())
    same("grep dos lineas", "\n".join([it for it in lines if "dos" in it]))
    same("grep -c dos lineas", sum("dos" in it for it in lines))
    found = [it for it in lines if re.search("^d|^t", it)]
    same("grep -E '^d|^t' lineas", "\n".join(found))
    same("grep -o s lineas", "\n".join(re.findall("s", text)))
    counts = sorted(Counter(lines).items())
    same("sort lineas | uniq -c", "\n".join(f"{count:7} {it}" for it, count in counts))
    same("yes hola | head -n 3", "\n".join(["hola"] * 3))
    same("printf abc | (read -rn 1 x; echo $x)", "abc"[:1])
    same("test -e lineas && echo True || echo False", os.path.exists("lineas"))
    os.truncate("saludo", 1000)
    same("truncate -s 1000 otro; wc -c < otro", os.path.getsize("saludo"))
    open("otras", "w").write("uno\ndos\ntres\n")
    others = open("otras").read().splitlines()
    delta = list(difflib.unified_diff(lines, others, lineterm=""))[2:]
    same("diff -u lineas otras | tail -n +3", "\n".join(delta))


def curl():
    url = f"http://127.0.0.1:{web}/"
    body = urllib.request.urlopen(url).read()
    same("curl -s http://127.0.0.1:8080/", body)
    answer = urllib.request.urlopen(url)
    assert answer.headers["Content-Length"] == "26"
    assert b"Content-Length: 26\r\n" in bash("curl -s -i http://127.0.0.1:8080/")
    assert b"> GET / HTTP/1.1\r\n" in bash("curl -sv http://127.0.0.1:8080/")
    body = urllib.request.urlopen(url, timeout=2).read()
    same("curl -s -m 2 http://127.0.0.1:8080/", body)
    try:
        urllib.request.urlopen(url, data=b"datos")
    except urllib.error.HTTPError as refusal:
        same("curl -s -d datos http://127.0.0.1:8080/", refusal.read())
        assert bash("printf datos | curl -s --data-binary @- http://127.0.0.1:8080/")
    urllib.request.urlretrieve(url, "pagina")
    same("curl -s -o otra http://127.0.0.1:8080/; cmp pagina otra && echo sí", "sí")
    same("curl -s --limit-rate 2M --path-as-is http://127.0.0.1:8080/../", body)
    same("curl -sSf http://127.0.0.1:8080/", body)


for section in [nc, dev_tcp, a_descriptor_with_a_name, printf, pgrep_and_proc, ss, strace, pipes,
                signals, loops, texts, curl]:
    section()
print("todas hacen lo mismo")
