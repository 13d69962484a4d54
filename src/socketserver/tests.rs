use super::*;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, TcpStream};
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Mutex, OnceLock};
use std::thread;

use socket2::{Domain, Socket, Type};

/// Ninguna espera de estas pruebas debe llegar aquí.
const LIMIT: Duration = Duration::from_secs(20);

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn echo(request: &Request) -> io::Result<()> {
    let mut buffer = [0; 1024];
    loop {
        match request.recv(&mut buffer)? {
            0 => return Ok(()),
            count => request.send_all(&buffer[..count])?,
        }
    }
}

fn bind<H: RequestHandler>(new_handler: impl Fn() -> H + Send + Sync + 'static) -> TcpServer {
    TcpServer::bind(LOCAL, new_handler).unwrap()
}

/// Con un hilo por cliente.
fn threaded<H: RequestHandler>(new_handler: impl Fn() -> H + Send + Sync + 'static) -> TcpServer {
    bind(new_handler).threading(ThreadingMixIn::default())
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.set_write_timeout(Some(LIMIT)).unwrap();
    client
}

fn read_to_end(client: &mut TcpStream) -> String {
    let mut text = String::new();
    client.read_to_string(&mut text).unwrap();
    text
}

/// Envía, cierra su lado y lee hasta el final.
fn ask(address: SocketAddr, text: &str) -> String {
    let mut client = connect(address);
    client.write_all(text.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    read_to_end(&mut client)
}

/// Comprueba que, durante un rato, el servidor no le dice nada.
fn hears_nothing(client: &mut TcpStream) {
    client.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let heard = client.read(&mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(heard, Err(io::ErrorKind::WouldBlock));
    client.set_read_timeout(Some(LIMIT)).unwrap();
}

/// Envía y espera a que vuelva lo mismo: entonces el servidor ya lo está atendiendo.
fn greet(address: SocketAddr) -> TcpStream {
    let mut client = connect(address);
    client.write_all(b"hola").unwrap();
    client.read_exact(&mut [0; 4]).unwrap();
    client
}

/// Un servidor en el fondo.
struct Background {
    address: SocketAddr,
    control: Control,
    ended: Receiver<io::Result<()>>,
}

impl Background {
    fn start(mut server: TcpServer) -> Background {
        let (address, control) = (server.server_address(), server.control());
        let (done, ended) = mpsc::channel();
        thread::spawn(move || {
            let outcome = server.serve_forever();
            drop(server);
            done.send(outcome).unwrap();
        });
        Background { address, control, ended }
    }

    /// Pide la parada, espera a que vuelva y comprueba que el servidor terminó.
    fn stop(self) {
        let control = self.control.clone();
        within("shutdown", move || control.shutdown());
        self.ended.recv_timeout(LIMIT).expect("el servidor no termina").unwrap();
    }
}

/// Ejecuta `work` y exige que acabe a tiempo.
fn within<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, finished) = mpsc::channel();
    thread::spawn(move || done.send(work()));
    finished.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("«{what}» no termina"))
}

/// Una clausura que guarda cada fallo que le cuentan.
fn failures() -> (impl Fn(&Request, &Failure) + Send + Sync + 'static, Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let sender = Mutex::new(sender);
    let note = move |_: &Request, failure: &Failure| {
        sender.lock().unwrap().send(failure.to_string()).unwrap();
    };
    (note, receiver)
}

fn next<T>(events: &Receiver<T>) -> T {
    events.recv_timeout(LIMIT).expect("no llega lo esperado")
}

/// Un manejador que falla como se le diga y cuenta cuándo se descarta.
struct Fragile {
    how: &'static str,
    dropped: Sender<()>,
}

impl RequestHandler for Fragile {
    fn handle(&mut self, _: &Request) -> io::Result<()> {
        assert!(self.how != "pánico", "se rompió el manejador");
        if self.how == "error" { Err(io::ErrorKind::InvalidInput.into()) } else { Ok(()) }
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        self.dropped.send(()).unwrap();
    }
}

/// Los fallos que cuenta un servidor que atiende a un cliente y se detiene.
fn failures_of(how: &'static str) -> Vec<String> {
    let (dropped, drops) = mpsc::channel();
    let (note, errors) = failures();
    let new_handler = move || Fragile { how, dropped: dropped.clone() };
    let server = Background::start(bind(new_handler).handle_error(note));
    assert_eq!(ask(server.address, ""), "");
    server.stop();
    assert_eq!(drops.iter().count(), 1, "el manejador se descarta una vez, falle o no");
    errors.iter().collect()
}

#[test]
fn quien_atiende_bien_no_cuenta_ningún_fallo() {
    assert_eq!(failures_of("bien"), [""; 0]);
}

#[test]
fn el_error_de_un_manejador_se_cuenta_y_el_manejador_se_descarta() {
    assert_eq!(failures_of("error"), ["valor no válido"]);
}

#[test]
fn el_pánico_de_un_manejador_se_cuenta_con_su_lugar_y_el_manejador_se_descarta() {
    let errors = failures_of("pánico");
    assert_eq!(errors.len(), 1);
    assert!(errors[0].contains("tests.rs:"), "{}", errors[0]);
    assert!(errors[0].ends_with("«se rompió el manejador»"), "{}", errors[0]);
}

#[test]
fn sin_hilos_se_atiende_a_uno_tras_otro_en_el_hilo_del_servidor() {
    let names = || {
        |mut request: &Request| {
            let thread = thread::current();
            request.write_all(thread.name().unwrap_or("sin nombre").as_bytes())?;
            echo(request)
        }
    };
    let mut server = bind(names);
    let address = server.server_address();
    let control = server.control();
    let serving =
        thread::Builder::new().name("servidor".into()).spawn(move || server.serve_forever());
    let mut first = connect(address);
    first.read_exact(&mut [0; 8]).unwrap();

    // El segundo está conectado, pero nadie lo atiende hasta que acaba el primero.
    let mut second = connect(address);
    hears_nothing(&mut second);
    drop(first);
    second.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_to_end(&mut second), "servidor");
    control.shutdown();
    serving.unwrap().join().unwrap().unwrap();
}

#[test]
fn con_hilos_cada_cliente_tiene_el_suyo_y_se_llama_como_él() {
    let names = || {
        |mut request: &Request| {
            let name = thread::current().name().map(ToOwned::to_owned);
            assert_eq!(name, Some(format!("cliente-{}", request.client())));
            writeln!(request, "{}", name.unwrap_or_default())?;
            echo(request)
        }
    };
    let server = Background::start(threaded(names));
    let clients: Vec<_> = (0..3).map(|_| connect(server.address)).collect();
    let mut names: Vec<_> = clients
        .iter()
        .map(|client| {
            let mut line = String::new();
            BufReader::new(client).read_line(&mut line).unwrap();
            line
        })
        .collect();
    names.sort();
    assert_eq!(names, ["cliente-1\n", "cliente-2\n", "cliente-3\n"]);
    server.stop();
}

#[test]
fn t2_05_con_los_hilos_ocupados_el_siguiente_espera_en_la_cola_del_núcleo() {
    let mixin = ThreadingMixIn { max_threads: 2, ..Default::default() };
    let server = Background::start(bind(|| echo).threading(mixin));
    let first = greet(server.address);
    let _second = greet(server.address);
    let mut third = connect(server.address);
    third.write_all(b"hola").unwrap();
    hears_nothing(&mut third);
    drop(first);
    third.read_exact(&mut [0; 4]).unwrap();
    server.stop();
}

#[test]
fn t2_05_un_cliente_silencioso_agota_su_plazo() {
    let (note, errors) = failures();
    let server = Background::start(
        threaded(|| echo).client_timeout(Duration::from_millis(50)).handle_error(note),
    );
    let mut silent = connect(server.address);
    assert_eq!(read_to_end(&mut silent), "");
    assert_eq!(next(&errors), "se agotó el plazo");
    server.stop();
}

#[test]
fn un_plazo_de_cero_no_es_esperar_para_siempre() {
    let (note, errors) = failures();
    let server = Background::start(bind(|| echo).client_timeout(Duration::ZERO).handle_error(note));
    let _silent = connect(server.address);
    assert_eq!(next(&errors), "se agotó el plazo");
    server.stop();
}

#[test]
fn t2_02_la_respuesta_sobrevive_aunque_quede_entrada_sin_leer() {
    const ANSWER: usize = 300_000;
    let answer = || |request: &Request| request.send_all(&vec![b'x'; ANSWER]);
    let server = Background::start(bind(answer));
    // Con tan poco sitio para recibir, al acabar el manejador casi todo está aún por salir.
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    client.set_recv_buffer_size(4096).unwrap();
    client.connect(&server.address.into()).unwrap();
    let mut client = TcpStream::from(client);
    client.set_read_timeout(Some(LIMIT)).unwrap();
    client.write_all(b"nadie va a leer esto").unwrap();

    // Sin hilos, al segundo no se le atiende mientras no se cierre al primero.
    let mut second = connect(server.address);
    hears_nothing(&mut second);
    assert_eq!(read_to_end(&mut client).len(), ANSWER);
    drop(client);
    assert_eq!(read_to_end(&mut second).len(), ANSWER);
    drop(second);
    server.stop();
}

#[test]
fn t2_06_parar_despierta_a_quien_espera_datos_con_hilos_y_sin_ellos() {
    for mixin in [None, Some(ThreadingMixIn::default())] {
        let mut server = bind(|| echo);
        server.threading = mixin;
        let server = Background::start(server);
        let mut silent = greet(server.address);
        server.stop();
        assert_eq!(read_to_end(&mut silent), "");
    }
}

#[test]
fn al_parar_el_manejador_puede_enviar_lo_último_que_tenga() {
    let farewell = || {
        |request: &Request| {
            echo(request)?;
            request.send_all(b"hasta luego")
        }
    };
    let server = Background::start(threaded(farewell));
    let mut client = greet(server.address);
    server.stop();
    assert_eq!(read_to_end(&mut client), "hasta luego");
}

#[test]
fn t2_06_parar_corta_al_cliente_que_no_lee() {
    let (blocked, writing) = mpsc::channel();
    let flood = move || {
        let blocked = blocked.clone();
        move |request: &Request| {
            blocked.send(()).unwrap();
            loop {
                request.send_all(&[0; 4096])?;
            }
        }
    };
    let (note, errors) = failures();
    let server = Background::start(threaded(flood).client_timeout(None).handle_error(note));
    let client = connect(server.address);
    next(&writing);
    server.stop();
    assert_eq!(next(&errors), "nadie lee al otro lado");
    drop(client);
}

#[test]
fn sin_block_on_close_no_se_espera_a_los_hilos() {
    let (open, closed) = mpsc::channel::<()>();
    let (note_inside, inside) = mpsc::channel();
    let (note_end, end) = mpsc::channel();
    let closed = Arc::new(Mutex::new(closed));
    let busy = move || {
        let (closed, inside, end) = (Arc::clone(&closed), note_inside.clone(), note_end.clone());
        move |_: &Request| {
            inside.send(()).unwrap();
            // Trabaja en algo que no es su socket, hasta que la prueba lo diga.
            let _ = closed.lock().unwrap().recv();
            end.send(()).unwrap();
            Ok(())
        }
    };
    let mixin = ThreadingMixIn { block_on_close: false, ..Default::default() };
    let server = Background::start(bind(busy).threading(mixin));
    let _client = connect(server.address);
    next(&inside);
    server.stop();
    assert!(end.try_recv().is_err(), "el hilo debía seguir ocupado");
    drop(open);
    next(&end);
}

#[test]
fn si_se_para_antes_de_empezar_termina_en_cuanto_empieza() {
    let mut server = bind(|| echo);
    server.control().shutdown();
    within("serve_forever", move || server.serve_forever()).unwrap();
}

#[test]
fn después_de_parar_se_puede_volver_a_servir() {
    let mut server = bind(|| echo);
    for _ in 0..3 {
        let (address, control) = (server.server_address(), server.control());
        let serving = thread::spawn(move || {
            server.serve_forever().unwrap();
            server
        });
        assert_eq!(ask(address, "otra vez"), "otra vez");
        control.shutdown();
        server = within("serve_forever", move || serving.join().unwrap());
    }
}

#[test]
fn un_manejador_puede_parar_su_servidor() {
    for mixin in [None, Some(ThreadingMixIn::default())] {
        let control = Arc::new(OnceLock::<Control>::new());
        let theirs = Arc::clone(&control);
        let stop = move || {
            let control = Arc::clone(&theirs);
            move |_: &Request| {
                control.wait().shutdown();
                Ok(())
            }
        };
        let mut server = bind(stop);
        server.threading = mixin;
        control.set(server.control()).unwrap();
        let server = Background::start(server);
        let _client = connect(server.address);
        server.ended.recv_timeout(LIMIT).expect("el servidor no termina").unwrap();
    }
}

#[test]
fn t2_12_el_testigo_para_el_servidor_también_con_un_pánico() {
    let server = Background::start(bind(|| echo));
    let control = server.control.clone();
    let client = within("el testigo", move || {
        panic::catch_unwind(AssertUnwindSafe(|| {
            let _with_server = control.shutdown_on_drop();
            panic::resume_unwind(Box::new("un cliente falló"));
        }))
    });
    assert!(client.is_err());
    server.ended.recv_timeout(LIMIT).expect("el servidor no termina").unwrap();
}

#[test]
fn t2_07_al_salir_de_ámbito_se_cierra_el_socket_y_se_espera_a_los_hilos() {
    let (note, ended) = mpsc::channel();
    let handler = move || {
        let note = note.clone();
        move |request: &Request| {
            echo(request)?;
            note.send(()).unwrap();
            Ok(())
        }
    };
    let server = Background::start(threaded(handler));
    let address = server.address;
    let _silent = greet(address);
    server.stop();
    assert_eq!(ended.try_recv(), Ok(()), "el hilo no ha terminado");
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn si_el_bucle_entra_en_pánico_nadie_se_queda_esperando_en_shutdown() {
    let (note, inside) = mpsc::channel();
    let broken = move || {
        let note = note.clone();
        move |_: &Request| {
            note.send(()).unwrap();
            Err(io::ErrorKind::InvalidInput.into())
        }
    };
    let server = bind(broken);
    let (address, control) = (server.server_address(), server.control());
    let theirs = server.control();
    let mut server = server.handle_error(move |_, _| {
        while !theirs.is_stopping() {
            thread::yield_now();
        }
        panic::resume_unwind(Box::new("ni contarlo se puede"));
    });
    let serving = thread::spawn(move || server.serve_forever());
    let _client = connect(address);
    next(&inside);
    within("shutdown", move || control.shutdown());
    assert!(serving.join().is_err());
}

#[test]
fn un_pánico_no_se_lleva_el_servidor_con_hilos_ni_sin_ellos() {
    for mixin in [None, Some(ThreadingMixIn::default())] {
        let (note, errors) = failures();
        let handler = || {
            |request: &Request| {
                assert!(request.client().0 > 1, "el primero tiene mala suerte");
                echo(request)
            }
        };
        let mut server = bind(handler).handle_error(note);
        server.threading = mixin;
        let server = Background::start(server);
        assert_eq!(ask(server.address, ""), "");
        assert!(next(&errors).contains("mala suerte"));
        assert_eq!(ask(server.address, "sigue"), "sigue");
        server.stop();
    }
}

#[test]
fn un_manejador_que_no_se_puede_crear_cuesta_su_cliente_y_nada_más() {
    fn broken() -> fn(&Request) -> io::Result<()> {
        panic!("no hay con qué");
    }
    let (note, errors) = failures();
    let server = Background::start(bind(broken).handle_error(note));
    assert_eq!(ask(server.address, ""), "");
    assert!(next(&errors).contains("no hay con qué"));
    server.stop();
}

#[test]
fn los_hilos_que_terminan_se_recogen() {
    let mixin = ThreadingMixIn { max_threads: 1, ..Default::default() };
    let server = Background::start(bind(|| echo).threading(mixin));
    // Con sitio para uno, el siguiente solo entra si se recogió al anterior.
    for _ in 0..50 {
        assert_eq!(ask(server.address, "hola"), "hola");
    }
    server.stop();
}

#[test]
fn la_petición_se_lee_por_líneas_con_un_bufreader() {
    let lines = || {
        |request: &Request| {
            let (rfile, mut wfile) = (BufReader::new(request), request);
            for line in rfile.lines() {
                writeln!(wfile, "{}", line?.to_uppercase())?;
            }
            Ok(())
        }
    };
    let server = Background::start(bind(lines));
    assert_eq!(ask(server.address, "uno\ndos\n"), "UNO\nDOS\n");
    server.stop();
}

#[test]
fn t2_11_ipv6_es_una_dirección_como_las_demás() {
    let Ok(server) = TcpServer::bind((Ipv6Addr::LOCALHOST, 0), || {
        |mut request: &Request| write!(request, "{}", request.client_address().ip())
    }) else {
        // Hay máquinas sin IPv6.
        return;
    };
    let server = Background::start(server);
    assert_eq!(ask(server.address, ""), "::1");
    server.stop();
}

#[test]
fn un_socket_ya_preparado_sirve_igual() {
    let listener = TcpListener::bind(LOCAL).unwrap();
    let address = listener.local_addr().unwrap();
    let server = Background::start(TcpServer::from_listener(listener, || echo).unwrap());
    assert_eq!(server.address, address);
    assert_eq!(ask(address, "hola"), "hola");
    server.stop();
}

#[test]
fn la_espera_se_redondea_hacia_arriba() {
    let soon = timeout_until(Some(Instant::now() + Duration::from_micros(10_500)));
    assert!(soon.as_millis().unwrap() > 10);
    assert_eq!(timeout_until(Some(Instant::now())), PollTimeout::ZERO);
    assert_eq!(timeout_until(None), PollTimeout::NONE);
}
