//! Servidores de varios procesos: los que atienden cada conexión en uno, y los que arranca otro.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Failure, Program, Server, Stage, stages, tools};

use crate::corpus;

/// El eco del corpus, en Python: con «bien» atiende Ctrl-C; con «traza_al_final», no.
fn echo() -> PathBuf {
    corpus("eco_hilos.py")
}

/// `sh` con ese guion; en él, `$0` es el eco.
fn shell(script: &str) -> Result<Server, Failure> {
    sh().args(["-c", script]).arg(echo()).start()
}

fn sh() -> Program {
    Program::new("sh").env("PYTHONDONTWRITEBYTECODE", "1")
}

fn last() -> &'static Stage {
    stages("02_02").last().unwrap()
}

fn python() -> Result<bool, Failure> {
    tools::available("python3", "servidores de varios procesos")
}

#[test]
fn ctrl_c_llega_al_servidor_que_arranca_un_intérprete() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    shell("python3 \"$0\" bien; exit $?")?.passes(last())?;
    // Con un eslabón más, y con algo detrás que también ha de acabar.
    shell("sh -c 'python3 \"$0\" bien; exit $?' \"$0\" | cat")?.passes(last())
}

#[test]
fn y_al_de_un_guion() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    let script = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arranca.sh");
    fs::write(&script, "#!/bin/sh\ncd /\npython3 \"$1\" bien\n")?;
    sh().arg(&script).arg(echo()).start()?.passes(last())
}

#[test]
fn quien_envuelve_a_otro_no_disimula_cómo_acabó() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    let failure = shell("python3 \"$0\" traza_al_final; exit $?")?.passes(last()).unwrap_err();
    let headline = failure.headline();
    assert!(headline.starts_with("Tras Ctrl-C, el programa debía terminar con código 0, y "));
    assert!(headline.contains("terminó con código "), "{failure}");
    Ok(())
}

#[test]
fn si_el_servidor_no_hace_caso_de_ctrl_c_es_quien_lo_arrancó_el_que_lo_para() -> Result<(), Failure>
{
    if !python()? {
        return Ok(());
    }
    // En un guion, lo que se arranca con & nace sin hacer caso de SIGINT.
    let script = "trap 'kill $child; exit 0' INT; python3 -c \"$0\" & child=$!; wait $child";
    sh().args(["-c", script]).arg(FORKING.replace("Forking", "Threading")).start()?.passes(last())
}

/// Un proceso por cliente, que Ctrl-C ha de terminar también.
const FORKING: &str = "\
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
server = socketserver.ForkingTCPServer(('127.0.0.1', 0), Echo)
print('Escuchando en 127.0.0.1:%d' % server.server_address[1], flush=True)
try:
    server.serve_forever()
except KeyboardInterrupt:
    pass
";

#[test]
fn ctrl_c_llega_a_cada_proceso_del_servidor() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    // Quien ejecuta las pruebas en segundo plano puede tener apartado Ctrl-C, y se hereda.
    let python = Program::new("env").args(["--default-signal=INT", "python3", "-c", FORKING]);
    python.start()?.passes(last())
}

#[test]
fn quien_lo_arrancó_recibe_ctrl_c_más_tarde_si_no_termina() -> Result<(), Failure> {
    if !python()? {
        return Ok(());
    }
    shell("trap 'exit 0' INT; python3 \"$0\" bien; while :; do sleep 0.01; done")?.passes(last())
}

/// Un proceso por cliente, y cada uno espera más de lo que nadie envía.
const MUTE: &str = "\
import os, signal, socket
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
listener = socket.create_server(('127.0.0.1', 0))
print('Escuchando en 127.0.0.1:%d' % listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    if os.fork() == 0:
        client.recv(1 << 20, socket.MSG_WAITALL)
        os._exit(0)
    client.close()
";

#[test]
fn se_cuenta_qué_hacía_cada_proceso_del_servidor() -> Result<(), Failure> {
    if !python()? || fs::read_to_string("/proc/self/syscall").is_err() {
        return Ok(());
    }
    let server = Program::new("python3").args(["-c", MUTE]).start()?;
    let stage = &stages("02_02")[0];
    let conversation = stage.conversation(server.address()).limit(Duration::from_secs(1));
    let report = server.passes_in(stage, &conversation).unwrap_err().to_string();
    let told = |call: &str| {
        let mut lines = report.lines().map(str::trim_start);
        lines.any(|line| line.starts_with("proceso «python3» (") && line.contains(call))
    };
    assert!(told("en accept4(2), descriptor 3 (escucha en 127.0.0.1:"), "{report}");
    assert!(told("en recvfrom(2), descriptor 4 (conexión con 127.0.0.1:"), "{report}");
    Ok(())
}
