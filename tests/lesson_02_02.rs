//! La lección 02_02 desde fuera: el programa tal como se usa, a través de su socket, su salida y
//! sus señales. Cada defecto `T2-…` de las recetas clásicas tiene aquí la prueba con su nombre.

use std::collections::{BTreeSet, HashMap};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::Duration;

use harness::procfs::ProcResult;
use harness::procfs::net::{self, TcpNetEntry, TcpState};
use harness::{
    Conversation, Exit, Failure, Peer, Program, Running, Server, Signal, Stream, Trace, eventually,
    numbered_lines, raise_descriptor_limit, stages,
};
use prose::steps_named;

use crate::photograph::photograph;

/// Ninguna espera debe llegar aquí.
const LIMIT: Duration = Duration::from_secs(20);

type Outcome = Result<(), Failure>;

fn program() -> Program {
    Program::new(env!("CARGO_BIN_EXE_aplic_02_02"))
}

fn serving(options: &[&str]) -> Result<Server, Failure> {
    program().arg("--serve").args(options.iter().copied()).start()
}

/// El servidor, y alguien que se ha conectado.
fn visited(name: &str) -> Result<(Server, Peer), Failure> {
    let server = serving(&[])?;
    let client = Conversation::with(server.address()).peer(name)?;
    Ok((server, client))
}

fn run(options: &[&str]) -> Result<Exit, Failure> {
    program().args(options.iter().copied()).run_to_end("", LIMIT)
}

/// Pide parar y comprueba que el programa termina en orden.
fn ends_in_order(server: &Running, signal: Signal) -> Outcome {
    let exit = server.stop(signal)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}

fn echoes(peer: &mut Peer, message: &str) -> Outcome {
    peer.send(message)?;
    peer.expect(message)
}

/// Una conversación completa con un cliente nuevo.
fn serves_somebody(address: SocketAddr) -> Outcome {
    let mut client = Conversation::with(address).peer("cliente")?;
    echoes(&mut client, "¿sigues ahí?")?;
    client.leave()
}

/// Los hilos que atienden a alguien.
fn busy_threads(server: &Running) -> usize {
    let names = server.threads().unwrap_or_default();
    names.iter().filter(|name| name.starts_with("cliente-")).count()
}

#[test]
fn t2_01_un_mensaje_en_dos_segmentos_vuelve_entero() -> Outcome {
    let (_server, mut client) = visited("cliente")?;
    client.send("ho")?;
    client.expect("ho")?;
    client.send("la")?;
    client.half_close()?;
    client.expect("la")?;
    client.expect_end()
}

#[test]
fn t2_02_tres_mil_bytes_vuelven_todos_y_el_cierre_es_en_orden() -> Outcome {
    let (_server, mut client) = visited("cliente")?;
    let message = numbered_lines(3000);
    client.send(&message)?;
    client.half_close()?;
    client.expect(&message)?;
    client.expect_end()
}

#[test]
fn t2_03_vuelven_los_bytes_y_no_su_representación() -> Outcome {
    let (server, mut client) = visited("cliente")?;
    for message in [&b"\xc3\xa9"[..], b"\xff\x00\r\n", b"\x1b[2J"] {
        client.send(message)?;
        client.expect(message)?;
    }
    // Lo que se muestra sí es una representación: una terminal no debe obedecer a un cliente.
    server.wait_for_line(Stream::Stdout, "envía 2 bytes: \"é\"", LIMIT)?;
    serves_somebody(server.address())?;
    let mut hostile = Conversation::with(server.address()).peer("hostil")?;
    echoes(&mut hostile, "\x1b[2J")?;
    server.wait_for_line(Stream::Stdout, r#"envía 4 bytes: "\u{1b}[2J""#, LIMIT)?;
    assert!(!server.stdout().contains('\x1b'));
    Ok(())
}

#[test]
fn t2_04_quien_cierra_su_lado_lee_la_respuesta_hasta_el_final() -> Outcome {
    let (_server, mut client) = visited("cliente")?;
    let message = numbered_lines(4 << 20);
    let sending = client.send_meanwhile(message.as_slice())?;
    client.expect(&message)?;
    sending.finish()?;
    client.leave()
}

#[test]
fn t2_05_los_silenciosos_no_ocupan_más_hilos_que_el_tope_ni_más_tiempo_que_su_plazo() -> Outcome {
    let server = serving(&["--max-threads", "4", "--timeout", "0.2"])?;
    let mut silent = Conversation::with(server.address()).peers("silencioso", 12)?;
    server.eventually("cuatro hilos atendieran", LIMIT, || busy_threads(&server) == 4)?;
    for peer in &mut silent {
        // Un hilo que ya cedió su sitio puede estar aún terminando: en un vistazo cabe el doble del
        // tope. Sin tope, serían doce.
        assert!(busy_threads(&server) <= 8);
        peer.expect_end()?;
    }
    server.wait_for_line(Stream::Stdout, "se agotó el plazo", LIMIT)?;
    serves_somebody(server.address())?;
    server.eventually("no quedara ningún hilo", LIMIT, || busy_threads(&server) == 0)
}

#[test]
fn t2_05_el_quinto_ocupa_el_sitio_que_deja_uno_de_cuatro() -> Outcome {
    let server = serving(&["--max-threads", "4"])?;
    let mut silent = Conversation::with(server.address()).peers("silencioso", 12)?;
    let inside = |clients: [&str; 4]| {
        let names = server.threads().unwrap_or_default();
        let names: Vec<_> = names.iter().filter(|name| name.starts_with("cliente-")).collect();
        names == clients.each_ref()
    };
    let first = ["cliente-1", "cliente-2", "cliente-3", "cliente-4"];
    server.eventually("los cuatro primeros tuvieran hilo", LIMIT, || inside(first))?;
    silent.remove(0).close();
    let next = ["cliente-2", "cliente-3", "cliente-4", "cliente-5"];
    server.eventually("el quinto ocupara el sitio del primero", LIMIT, || inside(next))
}

#[test]
fn t2_06_un_cliente_silencioso_no_impide_terminar() -> Outcome {
    let (server, mut silent) = visited("silencioso")?;
    server.eventually("el cliente tuviera su hilo", LIMIT, || busy_threads(&server) == 1)?;
    ends_in_order(&server, Signal::SIGTERM)?;
    silent.expect_end()
}

#[test]
fn t2_06_un_cliente_que_no_lee_tampoco() -> Outcome {
    let server = serving(&[])?;
    let conversation = Conversation::with(server.address());
    let mut deaf = conversation.peer_with_receive_buffer("quien no lee", 4096)?;
    // Más de lo que cabe en los búferes: el hilo acaba dormido en `send`.
    let _sending = deaf.send_meanwhile(vec![b'x'; 64 << 20])?;
    server.wait_for_line(Stream::Stdout, "envía", LIMIT)?;
    server.sleeps_through(Duration::from_millis(300))?;
    assert_eq!(server.stop(Signal::SIGINT)?.code, Some(0));
    Ok(())
}

#[test]
fn t2_07_al_terminar_se_han_cerrado_todos_los_clientes_y_el_socket_que_escucha() -> Outcome {
    let trace = Trace::new();
    let server = trace.of(program().arg("--serve")).start()?;
    let clients = Conversation::with(server.address()).peers("cliente", 5)?;
    server.eventually("los cinco tuvieran su hilo", LIMIT, || busy_threads(&server) == 5)?;
    ends_in_order(&server, Signal::SIGTERM)?;
    drop(clients);

    let steps = trace.steps()?;
    let count = |what: &str| steps.iter().filter(|step| step.what() == what).count();
    assert_eq!(count("listen"), 1);
    assert_eq!(count("accept"), 5);
    assert_eq!(count("close"), 6);
    let last = steps.last().map(|step| (step.what(), step.text("thread")));
    assert_eq!(last, Some(("close", "servidor")));
    assert!(TcpStream::connect(server.address()).is_err());
    Ok(())
}

#[test]
fn t2_08_cincuenta_conexiones_de_golpe_no_esperan_un_segundo() -> Outcome {
    // Con el único hilo ocupado, nadie las acepta: caben todas en la cola del núcleo.
    let server = serving(&["--max-threads", "1"])?;
    let mut busy = Conversation::with(server.address()).peer("el primero")?;
    echoes(&mut busy, "hola")?;
    let mut clients = Vec::new();
    for number in 1..=50 {
        // Un SYN que no cabe se descarta, y se repite al cabo de un segundo.
        let limit = Duration::from_millis(900);
        let client = TcpStream::connect_timeout(&server.address(), limit);
        clients.push(client.unwrap_or_else(|error| panic!("la conexión {number}: {error}")));
    }
    Ok(())
}

#[test]
fn t2_09_todos_los_clientes_de_prueba_están_dentro_de_handle_a_la_vez() -> Outcome {
    for clients in ["1", "3", "40"] {
        let exit = run(&["--clients", clients])?;
        assert_eq!(exit.code, Some(0), "{exit}");
        let (before, after) = exit.stdout.split_once("ya están todos los hilos").unwrap();
        let count = |text: &str, what: &str| text.matches(what).count().to_string();
        assert_eq!(count(before, " envía "), clients);
        assert_eq!(count(before, " recibió "), "0");
        assert_eq!(count(after, " terminó; recibió de vuelta "), clients);
        assert_eq!(count(after, " recibió \"Hola desde prueba-"), clients);
    }
    Ok(())
}

#[test]
fn t2_10_se_puede_volver_a_arrancar_en_el_mismo_puerto_al_momento() -> Outcome {
    let first = serving(&[])?;
    let port = first.address().port();
    let mut client = Conversation::with(first.address()).peer("cliente")?;
    echoes(&mut client, "hola")?;
    // El que cierra primero se queda un minuto en TIME_WAIT (RFC 9293, 3.6): es el servidor.
    ends_in_order(&first, Signal::SIGTERM)?;
    client.expect_end()?;
    client.close();
    let is_remembered = || is_in_time_wait(port).unwrap_or(false);
    eventually("quedara en TIME_WAIT una conexión del puerto", LIMIT, is_remembered)?;
    let second = serving(&["--port", &port.to_string()])?;
    assert_eq!(second.address().port(), port);
    serves_somebody(second.address())
}

/// Si el núcleo recuerda una conexión terminada de ese puerto.
fn is_in_time_wait(port: u16) -> ProcResult<bool> {
    let remembered = |entry: &TcpNetEntry| {
        entry.local_address.port() == port && entry.state == TcpState::TimeWait
    };
    Ok(net::tcp()?.iter().any(remembered))
}

#[test]
fn t2_11_ipv6_funciona_igual() -> Outcome {
    if !harness::tools::ipv6("IPv6")? {
        return Ok(());
    }
    let server = serving(&["--host", "::1"])?;
    assert!(server.address().is_ipv6());
    serves_somebody(server.address())?;
    server.wait_for_line(Stream::Stdout, "[::1]:", LIMIT)?;
    let exit = run(&["--host", "::1"])?;
    assert_eq!(exit.code, Some(0), "{exit}");
    Ok(())
}

#[test]
fn t2_12_si_los_clientes_de_prueba_fallan_el_servidor_se_para_igualmente() -> Outcome {
    // Hay descriptores para un cliente de prueba, pero no para aceptarlo.
    let exit = program()
        .args(["--clients", "1", "--timeout", "0.2"])
        .descriptor_limit(limit_leaving_free(1)?)
        .run_to_end("", LIMIT)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    assert!(exit.stdout.ends_with("[prueba-1] sin respuesta: se agotó el plazo\n"), "{exit}");
    assert_eq!(
        exit.stderr,
        "aplic_02_02: clientes de prueba que no recibieron lo que enviaron: 1 de 1. Qué probar: \
         repítelo con -v, con menos --clients o con más --timeout.\n"
    );
    Ok(())
}

/// El límite de descriptores con el que al programa, ya en marcha, le quedan `free`.
fn limit_leaving_free(free: usize) -> Result<u64, Failure> {
    let server = program().arg("--serve").without_inherited_descriptors().start()?;
    let taken = server.ask_kernel(|process| {
        process
            .fd()?
            .map(|open| Ok(open?.fd.cast_unsigned().into()))
            .collect::<ProcResult<BTreeSet<u64>>>()
    })?;
    Ok((0..).filter(|number| !taken.contains(number)).nth(free).unwrap_or_default())
}

/// Lo que dice el capítulo que cuesta un hilo: 30 KiB, casi todos de la parte usada de su pila.
#[test]
fn cada_hilo_que_ha_hablado_ocupa_unos_treinta_kibibytes() -> Outcome {
    const CLIENTS: usize = 200;
    let server = serving(&[])?;
    let alone = server.memory(|told| told.vmrss)?;
    let mut clients = Conversation::with(server.address()).peers("cliente", CLIENTS)?;
    clients.iter_mut().try_for_each(|client| echoes(client, "hola"))?;
    let each = (server.memory(|told| told.vmrss)? - alone) / CLIENTS as u64;
    assert!((28..34).contains(&each), "{each} KiB");
    Ok(())
}

#[test]
fn t2_13_si_no_se_puede_crear_un_hilo_se_rechaza_al_cliente_y_el_servidor_sigue() -> Outcome {
    let (server, mut before) = visited("quien ya estaba")?;
    echoes(&mut before, "hola")?;

    // Ni un byte más de memoria virtual: no cabe otra pila (`ulimit -v`, setrlimit(2)).
    let kibibytes = server.memory(|told| told.vmsize)?;
    limit_address_space(&server, &(kibibytes * 1024).to_string())?;
    let mut refused = Conversation::with(server.address()).peer("quien llega tarde")?;
    refused.expect_end_or_reset()?;
    server.wait_for_line(Stream::Stdout, "el sistema no da más hilos", LIMIT)?;
    echoes(&mut before, "¿sigues ahí?")?;

    limit_address_space(&server, "unlimited")?;
    serves_somebody(server.address())?;
    ends_in_order(&server, Signal::SIGTERM)
}

/// Con la memoria justa, el hilo se creaba y el `malloc` siguiente terminaba el proceso.
#[test]
fn f24_con_poca_memoria_se_rechaza_a_quien_no_cabe_y_el_servidor_sigue() -> Outcome {
    let server = with_little_memory(&["--serve"]).start()?;
    for round in ["la primera vez", "con las pilas de los hilos que terminaron"] {
        let mut clients =
            Conversation::with(server.address()).limit(LIMIT).peers("cliente", 400)?;
        for client in &mut clients {
            // Quien ya está rechazado puede no poder ni enviar.
            let _ = client.send("x");
        }
        let echoed = clients.iter_mut().filter_map(|client| client.expect("x").ok()).count();
        assert!((20..400).contains(&echoed), "{round}: {echoed}");
        drop(clients);
        server.eventually("no quedara nadie", LIMIT, || busy_threads(&server) == 0)?;
    }
    server.wait_for_line(Stream::Stdout, "el sistema no da más hilos", LIMIT)?;
    serves_somebody(server.address())?;
    ends_in_order(&server, Signal::SIGTERM)
}

#[test]
fn f24_con_poca_memoria_la_demostración_lo_dice_en_español() -> Outcome {
    let exit = with_little_memory(&["--clients", "400"]).run_to_end("", LIMIT)?;
    assert_eq!(exit.code, Some(1), "{exit}");
    assert!(exit.stderr.contains("el sistema no da más hilos"), "{exit}");
    assert_eq!(exit.stderr.lines().count(), 1, "{exit}");
    Ok(())
}

/// El programa, con 40 MiB de memoria virtual (setrlimit(2)).
fn with_little_memory(options: &[&str]) -> Program {
    let script = ["-c", "ulimit -v 40960 && exec \"$0\" \"$@\""];
    let program = Program::new("bash").args(script).arg(env!("CARGO_BIN_EXE_aplic_02_02"));
    program.args(options.iter().copied())
}

/// Cambia el límite blando de memoria virtual de un programa en marcha (prlimit(1)).
fn limit_address_space(server: &Running, bytes: &str) -> Outcome {
    let pid = server.pid().to_string();
    let status =
        Command::new("prlimit").args(["--pid", &pid, &format!("--as={bytes}:")]).status()?;
    assert!(status.success(), "prlimit --as={bytes}: {status}");
    Ok(())
}

#[test]
fn supera_todas_las_etapas_de_la_lección() -> Outcome {
    raise_descriptor_limit();
    let server = serving(&[])?;
    for stage in stages("02_02") {
        server.passes(stage)?;
    }
    // La última le pulsó Ctrl-C.
    let exit = server.wait(LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""), "{exit}");
    Ok(())
}

#[test]
fn mil_clientes_a_la_vez_cuestan_un_hilo_y_un_descriptor_cada_uno() -> Outcome {
    raise_descriptor_limit();
    let server = serving(&[])?;
    let before = server.open_descriptors()?;
    let mut clients = Conversation::with(server.address()).peers("cliente", 1000)?;
    clients.iter_mut().try_for_each(|client| client.send("hola"))?;
    clients.iter_mut().try_for_each(|client| client.expect("hola"))?;
    assert_eq!(busy_threads(&server), 1000);
    assert_eq!(server.open_descriptors()?, before + 1000);
    drop(clients);
    server.eventually("no quedara ningún hilo", LIMIT, || busy_threads(&server) == 0)?;
    assert_eq!(server.open_descriptors()?, before);
    Ok(())
}

#[test]
fn la_demostración_también_funciona_con_mil_clientes() -> Outcome {
    raise_descriptor_limit();
    let exit = run(&["--clients", "1000"])?;
    assert_eq!(exit.code, Some(0), "{}", exit.stderr);
    assert_eq!(exit.stdout.matches(" recibió \"Hola desde prueba-").count(), 1000);
    Ok(())
}

#[test]
fn con_menos_hilos_que_clientes_de_prueba_se_atiende_a_todos_por_turnos() -> Outcome {
    let exit = run(&["--clients", "20", "--max-threads", "3"])?;
    assert_eq!(exit.code, Some(0), "{exit}");
    assert_eq!(exit.stdout.matches(" recibió \"Hola desde prueba-").count(), 20);
    Ok(())
}

#[test]
fn sin_descriptores_deja_de_aceptar_y_sigue_cuando_se_libera_uno() -> Outcome {
    let limit = limit_leaving_free(3)?;
    let server = program().args(["--serve", "-v"]).descriptor_limit(limit).start()?;
    let mut clients = Conversation::with(server.address()).peers("cliente", 3)?;
    clients.iter_mut().try_for_each(|client| echoes(client, "hola"))?;
    let mut fourth = Conversation::with(server.address()).peer("el cuarto")?;
    fourth.send("hola")?;
    server.wait_for_line(
        Stream::Stderr,
        "se deja de aceptar por ahora: no quedan descriptores",
        LIMIT,
    )?;
    let before = server.cpu_time()?;
    fourth.expect_nothing_for(Duration::from_millis(500))?;
    // Un bucle sin descanso habría gastado todo ese tiempo.
    let spent = server.cpu_time()?.saturating_sub(before);
    assert!(spent < Duration::from_millis(100), "{spent:?}");
    echoes(&mut clients[0], "¿sigues ahí?")?;
    drop(clients);
    fourth.expect("hola")
}

#[test]
fn un_servidor_ocioso_no_gasta_procesador() -> Outcome {
    let server = serving(&[])?;
    serves_somebody(server.address())?;
    let _silent = Conversation::with(server.address()).peers("silencioso", 10)?;
    server.eventually("los diez tuvieran su hilo", LIMIT, || busy_threads(&server) == 10)?;
    server.sleeps_through(Duration::from_millis(700))
}

#[test]
fn ctrl_c_y_sigterm_terminan_en_orden() -> Outcome {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let server = serving(&[])?;
        serves_somebody(server.address())?;
        ends_in_order(&server, signal)?;
    }
    Ok(())
}

#[test]
fn ctrl_c_termina_también_la_demostración() -> Outcome {
    // Sin descriptores para aceptarlo, el cliente de prueba esperaría una hora.
    let demonstration = program()
        .args(["--clients", "1", "--timeout", "3600", "-v"])
        .descriptor_limit(limit_leaving_free(1)?)
        .spawn()?;
    demonstration.wait_for_line(
        Stream::Stderr,
        "se deja de aceptar por ahora: no quedan descriptores",
        LIMIT,
    )?;
    let exit = demonstration.stop(Signal::SIGINT)?;
    assert_eq!(exit.code, Some(0), "{exit}");
    Ok(())
}

#[test]
fn un_lector_que_se_va_no_estorba() {
    let script = "set -o pipefail; \"$0\" --clients 20 | head -n 1; \"$0\" --clients 20 | true";
    let program = env!("CARGO_BIN_EXE_aplic_02_02");
    let output = Command::new("bash").args(["-c", script, program]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Escuchando en 127.0.0.1:"), "{text}");
    assert_eq!(text.lines().count(), 1);
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    assert!(output.status.success());
}

#[test]
fn aunque_nadie_lea_su_salida_el_servidor_sigue() -> Outcome {
    let server = program().arg("--serve").heard_once().start()?;
    serves_somebody(server.address())?;
    serves_somebody(server.address())
}

#[test]
fn un_puerto_ocupado_se_explica_y_termina_con_uno() -> Outcome {
    let server = serving(&[])?;
    let port = server.address().port().to_string();
    let exit = run(&["--port", &port])?;
    assert_eq!((exit.code, exit.stdout.as_str()), (Some(1), ""));
    insta::assert_snapshot!(exit.stderr.replace(&port, "8802"), @"aplic_02_02: otro programa ya escucha en 127.0.0.1:8802. Qué probar: ciérralo, elige otro puerto con --port, o deja que el núcleo elija con --port 0.");
    Ok(())
}

#[test]
fn la_ayuda() -> Outcome {
    for option in ["--help", "-h"] {
        let exit = run(&[option])?;
        assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
        photograph("lesson_02_02__ayuda", &exit.stdout);
    }
    Ok(())
}

#[test]
fn los_errores_de_uso() -> Outcome {
    let mut report = Vec::new();
    for options in [
        &["--clients", "0"][..],
        &["--clients", "muchos"],
        &["--clients"],
        &["--serve", "--clients", "4"],
        &["--port", "70000"],
        &["--timeout", "-1"],
        &["--timeout", "0"],
        &["--max-threads", "0"],
        &["--max-thread", "3"],
        &["--serve", "--serve"],
        &["hola"],
    ] {
        report.push(format!(
            "$ aplic_02_02 {}\n{}",
            options.join(" "),
            run(options)?.complaint(2)?
        ));
    }
    photograph("lesson_02_02__errores_de_uso", &report.concat());
    Ok(())
}

#[test]
fn una_máquina_que_no_existe_o_que_no_es_esta() -> Outcome {
    let mut report = String::new();
    for host in ["no-existe.invalid", "192.0.2.1"] {
        report += run(&["--host", host])?.complaint(1)?;
    }
    photograph("lesson_02_02__maquinas_imposibles", &report);
    Ok(())
}

#[test]
fn la_demostración() -> Outcome {
    let exit = run(&[])?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    assert!(exit.stdout.starts_with("Escuchando en 127.0.0.1:"), "{exit}");
    photograph("lesson_02_02__demostracion", &as_if_in_order(&exit.stdout));
    Ok(())
}

#[test]
fn la_sesión_del_capítulo_es_una_demostración_de_verdad() -> Outcome {
    let session = include_str!("../lessons/02_02_threading/sesiones/demostracion.txt");
    let recorded = session.strip_prefix("$ cargo run --bin aplic_02_02\n");
    let recorded = recorded.map(as_if_in_order);
    assert_eq!(recorded, Some(as_if_in_order(&run(&[])?.stdout)));
    Ok(())
}

/// La demostración, como habría salido si el núcleo hubiera repartido los puertos y los turnos
/// en el orden de los clientes de prueba: cada hilo cambia su número por el de su cliente. Que
/// nadie responda antes de tiempo lo comprueba la prueba de T2-09.
fn as_if_in_order(stdout: &str) -> String {
    let mut usual = HashMap::new();
    for line in stdout.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        if let ["Escuchando", "en", address] = words[..] {
            usual.insert(address, "127.0.0.1:40000".to_owned());
        } else if let [thread, peer, "envía", ..] = words[..] {
            let number = line.trim_end_matches('"').rsplit('-').next().unwrap_or_default();
            usual.insert(thread, format!("[cliente-{number}]"));
            usual.insert(peer, format!("127.0.0.1:5000{number}"));
        }
    }
    let rename = |word| usual.get(word).map_or(word, String::as_str);
    let mut lines: Vec<String> = stdout
        .lines()
        .map(|line| line.split(' ').map(rename).collect::<Vec<_>>().join(" "))
        // El último en llegar pudo ser cualquiera.
        .map(|line| line.replace("[cliente-1] ya", "[cliente-3] ya"))
        .map(|line| line.replace("[cliente-2] ya", "[cliente-3] ya"))
        .collect();
    let phases = ["Escuchando", "[servidor]", " envía ", "ya están todos los hilos"];
    let phase = |line: &str| phases.iter().position(|mark| line.contains(mark)).unwrap_or(4);
    lines.sort_by_key(|line| (phase(line), line.clone()));
    lines.join("\n")
}

#[test]
fn lo_que_se_ve_mientras_se_sirve() -> Outcome {
    let server = serving(&["-v"])?;
    let mut client = Conversation::with(server.address()).peer("nc")?;
    echoes(&mut client, "hola\n")?;
    client.leave()?;
    server.eventually("el hilo acabara", LIMIT, || busy_threads(&server) == 0)?;
    let exit = server.stop(Signal::SIGINT)?;
    photograph("lesson_02_02__sesion", &steps_named(&format!("{}\n{}", exit.stdout, exit.stderr)));
    Ok(())
}
