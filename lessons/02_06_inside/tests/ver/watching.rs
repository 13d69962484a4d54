//! Grabar un servidor, y seguirlo mientras funciona.

use std::fs;
use std::net::{SocketAddr, TcpStream};

use harness::procfs::process::Process;
use harness::{Conversation, Exit, Failure, Program, Running, Signal, Stream, eventually};
use nix::libc::SYS_ptrace;
use tempfile::TempDir;

use crate::page::{Follower, address, get, records};
use crate::{LIMIT, run, ver};

const ECO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ver/eco.py");

/// Si aquí se puede grabar el eco de Python.
fn possible() -> Result<bool, Failure> {
    prose::possible(["strace", "python3"], "«cargo ver -- ORDEN»")
}

/// Arranca el eco dentro de la ventana, con esas opciones, y dice dónde escucha.
fn start(options: &[&str]) -> Result<(Running, SocketAddr), Failure> {
    let words = options.iter().copied().chain(["--", "python3", ECO]);
    let running = ver(words).spawn()?;
    let address = running.announced(LIMIT)?;
    Ok((running, address))
}

/// Un cliente que dice algo, lo oye de vuelta y se va.
fn converse(server: SocketAddr) -> Result<(), Failure> {
    let mut client = Conversation::with(server).limit(LIMIT).peer("ana")?;
    client.send("hola\n")?;
    client.expect("hola\n")?;
    client.half_close()?;
    client.expect_end()
}

/// Ctrl-C, sin terminal. Espera a que lo haya visto: dos señales iguales a la vez son una sola
/// (signal(7)).
fn interrupt(running: &Running) -> Result<(), Failure> {
    const SIGINT: u64 = 1 << (Signal::SIGINT as u64 - 1);
    running.signal(Signal::SIGINT)?;
    eventually("viera la señal", LIMIT, || {
        !running.ask_kernel(Process::status).is_ok_and(|status| status.shdpnd & SIGINT != 0)
    })
}

fn succeeds(exit: &Exit) {
    assert_eq!(exit.code, Some(0), "{exit}");
}

/// Las llamadas de unos registros, sin las que cuentan solo que alguien se durmió.
fn calls(records: &[serde_json::Value]) -> Vec<&str> {
    let ended = records.iter().filter(|record| record["took"].is_number());
    ended.map(|record| record["call"].as_str().unwrap()).collect()
}

#[test]
fn quien_llega_o_recarga_lo_ve_todo_desde_el_principio_y_al_final_se_le_dice() -> Result<(), Failure>
{
    if !possible()? {
        return Ok(());
    }
    let (running, server) = start(&["--no-abrir"])?;
    let page = address(&running)?;
    assert!(get(&page, "/", "")?.contains("data-events=\"eventos\">[]</script>"));
    let mut early = Follower::new(&page)?;
    early.wait_for("\"listen\"")?;
    converse(server)?;
    early.wait_for("\"close\"")?;
    let mut late = Follower::new(&page)?;
    late.wait_for("\"close\"")?;
    assert_eq!(late.records()[0]["what"], "recording");
    interrupt(&running)?;
    for follower in [&mut early, &mut late] {
        follower.wait_for("event: fin")?;
        let seen = follower.records();
        let seen = calls(&seen);
        let expected = ["listen", "accept4", "recvfrom", "sendto", "recvfrom", "close"];
        let mut rest = seen.iter();
        assert!(expected.iter().all(|call| rest.any(|seen| seen == call)), "{seen:?}");
    }
    // Terminado el servidor, la página sigue; y ya lo lleva todo dentro.
    running.wait_for_text(Stream::Stderr, "el programa terminó; la página sigue en", LIMIT)?;
    assert!(TcpStream::connect(server).is_err());
    assert!(get(&page, "/", "")?.contains("data-form=\"gzip\" data-events=\"\">"));
    let all = get(&page, "/eventos", "")?;
    assert!(all.ends_with("event: fin\ndata: {}\n\n"), "{all}");
    let last = records(&all).len() - 1;
    let news = get(&page, "/eventos", &format!("Last-Event-ID: {}\r\n", last + 100))?;
    assert_eq!(records(&news).len(), 0, "quien lo tiene todo no lo recibe otra vez");
    succeeds(&running.stop(Signal::SIGINT)?);
    assert!(TcpStream::connect(&page).is_err());
    Ok(())
}

#[test]
fn la_página_solo_se_abre_desde_esta_máquina_y_solo_se_lee() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let (running, _) = start(&["--no-abrir"])?;
    let page = address(&running)?;
    for target in ["/", "/eventos"] {
        let foreign = get(&page, target, "Host: malo.example\r\n")?;
        assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
        assert!(!foreign.contains("recording"), "{foreign}");
    }
    let port = page.split(':').next_back().unwrap();
    assert!(get(&page, "/", &format!("Host: localhost:{port}\r\n"))?.starts_with("HTTP/1.1 200 "));
    assert!(get(&page, "/otra", "")?.starts_with("HTTP/1.1 404 "));
    // SIGTERM es terminar del todo.
    running.signal(Signal::SIGTERM)?;
    succeeds(&running.wait(LIMIT)?);
    Ok(())
}

#[test]
fn un_navegador_que_no_lee_no_detiene_nada() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let (running, server) = start(&["--no-abrir"])?;
    let page = address(&running)?;
    let deaf: Vec<_> = (0..3).map(|_| Follower::new(&page)).collect::<Result<_, _>>()?;
    for _ in 0..30 {
        converse(server)?;
    }
    interrupt(&running)?;
    let mut attentive = Follower::new(&page)?;
    attentive.wait_for("event: fin")?;
    let accepted = calls(&attentive.records()).iter().filter(|call| **call == "accept4").count();
    assert!(accepted >= 30, "{accepted}");
    drop(deaf);
    succeeds(&running.stop(Signal::SIGINT)?);
    Ok(())
}

#[test]
fn quien_recarga_sin_parar_no_se_queda_sin_sitio() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let (running, _) = start(&["--no-abrir"])?;
    let page = address(&running)?;
    for _ in 0..200 {
        // A quien no cabe ya se le cierra, y aquí da igual.
        let _ = Follower::new(&page).and_then(|mut page| page.wait_for("data: "));
    }
    running.eventually("hubiera sitio otra vez", LIMIT, || {
        get(&page, "/", "").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200 "))
    })?;
    running.signal(Signal::SIGTERM)?;
    succeeds(&running.wait(LIMIT)?);
    Ok(())
}

#[test]
fn se_deja_una_página_que_lo_lleva_todo_y_una_grabación_que_se_vuelve_a_abrir()
-> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (page, json) = (file("a.html"), file("a.jsonl"));
    let (running, server) = start(&["--grabar", &page, "--json", &json])?;
    converse(server)?;
    interrupt(&running)?;
    // Sin página en vivo, no queda nada que esperar.
    let exit = running.wait(LIMIT)?;
    succeeds(&exit);
    assert!(!exit.stderr.contains("http://"), "{exit}");
    assert!(exit.stderr.contains(&format!("ver: grabado en {json}\n")), "{exit}");
    let html = fs::read_to_string(&page)?;
    assert!(html.contains("): 5 bytes · &quot;hola\\n&quot;"), "para quien no tiene JavaScript");
    assert!(html.contains("Content-Security-Policy"));
    for (from, to) in [(&page, "b.jsonl"), (&json, "c.jsonl")] {
        succeeds(&run([from, "--json", &file(to)])?);
        assert_eq!(fs::read_to_string(file(to))?, fs::read_to_string(&json)?);
    }
    let left = fs::read_dir(folder.path())?.count();
    assert_eq!(left, 4, "no queda ningún borrador");
    Ok(())
}

#[test]
fn si_no_cabe_en_el_disco_lo_grabado_queda_en_otro_sitio() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let words = ["--json", "/dev/full", "--", "python3", ECO];
    let running = ver(words).env("TMPDIR", folder.path()).spawn()?;
    converse(running.announced(LIMIT)?)?;
    interrupt(&running)?;
    let exit = running.wait(LIMIT)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    let said = exit.stderr.lines().last().unwrap();
    assert!(said.contains("no se puede escribir «/dev/full»: no queda espacio"), "{said}");
    let (_, rest) = said.split_once("lo grabado está en ").unwrap();
    let saved = rest.split(':').next().unwrap();
    assert!(fs::read_to_string(saved)?.contains("\"recvfrom\""));
    Ok(())
}

#[test]
fn lo_que_no_es_un_servidor_se_dice_y_lo_grabado_se_guarda_igual() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let exit = run(["--json", json.to_str().unwrap(), "--", "true"])?;
    assert_eq!(exit.code, Some(1), "{exit}");
    assert!(
        exit.stderr.contains("ver: el programa terminó sin escuchar en ningún puerto. Qué"),
        "{exit}"
    );
    assert!(fs::read_to_string(json)?.starts_with("{\"what\":\"recording\""));
    Ok(())
}

#[test]
fn una_orden_que_no_existe_no_abre_nada() -> Result<(), Failure> {
    let exit = run(["--", "no-existe-esta-orden"])?;
    let complaint = exit.complaint(1)?;
    assert!(complaint.contains("«no-existe-esta-orden»"), "{complaint}");
    Ok(())
}

#[test]
fn sin_strace_se_dice_qué_instalar() -> Result<(), Failure> {
    let folder = TempDir::new()?;
    let exit = ver(["--", "/bin/true"]).env("PATH", folder.path()).run_to_end("", LIMIT)?;
    let complaint = exit.complaint(1)?;
    assert!(complaint.contains("hace falta strace, que no está"), "{complaint}");
    Ok(())
}

/// Un núcleo que no deja mirar, como el de un contenedor sin permiso: aquí lo niega un filtro de seccomp(2).
#[test]
fn donde_no_se_puede_mirar_se_dice_qué_cambiar() -> Result<(), Failure> {
    const LOAD_CALL: [u8; 8] = [0x20, 0, 0, 0, 0, 0, 0, 0];
    const ALLOW: [u8; 8] = [0x06, 0, 0, 0, 0, 0, 0xff, 0x7f];
    const REFUSE: [u8; 8] = [0x06, 0, 0, 0, 1, 0, 5, 0];
    if !prose::possible(["strace", "bwrap"], "que el núcleo no deje mirar a otro programa")? {
        return Ok(());
    }
    let ptrace = u32::try_from(SYS_ptrace).unwrap().to_le_bytes();
    let if_ptrace: Vec<u8> = [&[0x15, 0, 0, 1], &ptrace[..]].concat();
    let folder = TempDir::new()?;
    let filter = folder.path().join("sin_ptrace.bpf");
    fs::write(&filter, [&LOAD_CALL[..], &if_ptrace, &REFUSE, &ALLOW].concat())?;
    let order = "exec bwrap --dev-bind / / --seccomp 3 -- \"$1\" --no-abrir -- true 3<\"$2\"";
    let exit = Program::new("sh")
        .args(["-c", order, "sh", env!("CARGO_BIN_EXE_ver"), filter.to_str().unwrap()])
        .run_to_end("", LIMIT)?;
    let complaint = exit.complaint(1)?;
    assert!(complaint.contains("strace no puede mirar a otro programa"), "{complaint}");
    assert!(complaint.contains("--cap-add=SYS_PTRACE"), "{complaint}");
    Ok(())
}

#[test]
fn quien_cierra_sus_salidas_se_graba_igual() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let silent = "import os, socket\n\
        s = socket.create_server(('127.0.0.1', 0))\n\
        print('Escuchando en 127.0.0.1:%d' % s.getsockname()[1], flush=True)\n\
        os.close(1)\n\
        os.close(2)\n\
        c, _ = s.accept()\n\
        c.sendall(c.recv(100))\n\
        c.close()\n\
        os._exit(0)\n";
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let running = ver(["--json", json.to_str().unwrap(), "--", "python3", "-c", silent]).spawn()?;
    converse(running.announced(LIMIT)?)?;
    succeeds(&running.wait(LIMIT)?);
    let recorded = fs::read_to_string(json)?;
    // El primer número libre es ya el 1: el del cliente.
    let accepted =
        recorded.lines().find(|line| line.contains("\"accept4\"") && line.contains("\"client\""));
    assert!(accepted.is_some_and(|line| line.contains("\"result\":1,")), "{recorded}");
    Ok(())
}

#[test]
fn si_se_cierra_la_terminal_lo_grabado_se_guarda_y_no_queda_nadie() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let folder = TempDir::new()?;
    let json = folder.path().join("a.jsonl");
    let (running, server) = start(&["--json", json.to_str().unwrap()])?;
    converse(server)?;
    running.signal(Signal::SIGHUP)?;
    succeeds(&running.wait(LIMIT)?);
    assert!(TcpStream::connect(server).is_err(), "el servidor sigue ahí");
    assert!(fs::read_to_string(json)?.contains("\"recvfrom\""));
    Ok(())
}

#[test]
fn sin_navegador_se_dice_y_la_grabación_sigue() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let running = ver(["--", "python3", ECO]).env("BROWSER", "/no/existe").spawn()?;
    let page = address(&running)?;
    let line = running.wait_for_line(Stream::Stderr, "no se encuentra un navegador", LIMIT)?;
    assert_eq!(line, format!("ver: no se encuentra un navegador; abre tú http://{page}/"));
    converse(running.announced(LIMIT)?)?;
    interrupt(&running)?;
    running.wait_for_text(Stream::Stderr, "el programa terminó", LIMIT)?;
    succeeds(&running.stop(Signal::SIGINT)?);
    Ok(())
}

#[test]
fn a_quien_no_hace_caso_el_segundo_aviso_lo_termina() -> Result<(), Failure> {
    if !possible()? {
        return Ok(());
    }
    let stubborn = "import signal, socket\n\
        signal.signal(signal.SIGINT, signal.SIG_IGN)\n\
        s = socket.create_server(('127.0.0.1', 0))\n\
        print('Escuchando en 127.0.0.1:%d' % s.getsockname()[1], flush=True)\n\
        while True: s.accept()\n";
    let running = ver(["--no-abrir", "--", "python3", "-c", stubborn]).spawn()?;
    let page = address(&running)?;
    let server = running.announced(LIMIT)?;
    interrupt(&running)?;
    assert!(TcpStream::connect(server).is_ok(), "sigue escuchando");
    interrupt(&running)?;
    let mut follower = Follower::new(&page)?;
    follower.wait_for("event: fin")?;
    eventually("nadie escuchara", LIMIT, || TcpStream::connect(server).is_err())?;
    succeeds(&running.stop(Signal::SIGINT)?);
    Ok(())
}
