//! Las pruebas de 02_05_1_comparacion: qué prometen los motores, y qué trabajo dan al núcleo.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod comparison;
pub mod kernel;
pub mod selectors;

use std::env;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;
use std::time::{Duration, Instant};

use comparison::{MESSAGE, Measured, Threads, measure, serve, threads_for};
use ejercicio::{EpollSelector, SelectSelector, predict};
use ejercicios::descriptors::fill_to;
use ejercicios::prelude::*;
use harness::{numbered_lines, raise_descriptor_limit};
use kernel::Kernel;
use nix::sys::select::FD_SETSIZE;
use selectors::{Engine, Event, Interest, Predictions, Selector};
use socket2::SockRef;

/// Los que se escriben aquí.
const WRITTEN: [Engine; 2] = [Engine::Select, Engine::Epoll];

/// Lo que se espera a un motor que tiene algo que decir.
const ENOUGH: Option<Duration> = Some(Duration::from_secs(1));

/// El límite de una espera en la que debe callar.
const A_WHILE: Duration = Duration::from_millis(30);

/// El de una espera que acaba antes, porque alguien habla.
const LONG: Option<Duration> = Some(Duration::from_secs(60));

/// Con cuántas conexiones se mide.
const CONNECTIONS: [usize; 3] = [10, 100, 300];

/// Lo que cabe en los búferes de quien envía antes de leer. El núcleo reserva el doble (socket(7)).
const ROOM: usize = 8 * 1024;

ejercicios::tests! {
    antes_de_medir_se_predice,
    si_no_pasa_nada_se_acaba_el_tiempo,
    avisa_de_quien_habla_con_su_número_hasta_que_se_lee,
    sin_límite_select_duerme_hasta_que_alguien_hable,
    y_epoll_también,
    con_un_límite_largo_lo_mismo_select,
    y_lo_mismo_epoll,
    solo_dice_lo_que_se_espera,
    cambiar_sustituye_lo_que_se_espera,
    de_una_conexión_rota_también_dice_solo_lo_que_se_espera,
    de_quien_ya_no_se_vigila_no_dice_nada,
    al_quitarlo_se_suelta_el_socket,
    lo_que_no_puede_ser_es_un_error_y_no_cambia_nada,
    si_el_núcleo_se_niega_todo_queda_como_estaba,
    toda_llamada_pasa_por_kernel,
    de_cien_que_hablan_no_se_pierde_ninguno,
    más_allá_de_1023_select_se_niega_y_epoll_no,
    el_mismo_eco_sobre_los_tres,
    las_predicciones_se_cumplen,
}

fn antes_de_medir_se_predice() -> Outcome {
    let predictions = within(LIMIT, "predecir", predict)?;
    // Un motor de cada pregunta puede fallarse; lo que no se puede es no contestar.
    let blank = Predictions {
        calls_to_register_with_select: 0,
        calls_to_register_with_epoll: 0,
        select_examines: 0,
        epoll_examines: 0,
        epoll_examines_if_all_talk: 0,
        ..predictions
    };
    let why = "Todas tus cifras son cero: alguna vez habrá que llamar al núcleo, o examinar algo. \
               Arriésgate: fallar no cuesta nada.";
    ensure(predictions != blank, || why)
}

fn si_no_pasa_nada_se_acaba_el_tiempo() -> Outcome {
    with_both(1, |room| {
        room.register(0, Interest::Read)?;
        room.says_nothing("de un cliente callado")
    })
}

fn avisa_de_quien_habla_con_su_número_hasta_que_se_lee() -> Outcome {
    with_both(3, |room| {
        for place in 0..3 {
            room.register(place, Interest::Read)?;
        }
        room.peers[1].send("hola")?;
        for time in ["cuando habla el 101", "si aún no se ha leído al 101"] {
            room.says(time, &[readable(101)])?;
        }
        room.sockets[1].as_ref().read_exact(&mut [0; 4])?;
        room.says_nothing("cuando ya se leyó todo")
    })
}

fn sin_límite_select_duerme_hasta_que_alguien_hable() -> Outcome {
    hears_who_talks_later(Engine::Select, None, "sin límite")
}

fn y_epoll_también() -> Outcome {
    hears_who_talks_later(Engine::Epoll, None, "sin límite")
}

fn con_un_límite_largo_lo_mismo_select() -> Outcome {
    hears_who_talks_later(Engine::Select, LONG, "con un límite de un minuto")
}

fn y_lo_mismo_epoll() -> Outcome {
    hears_who_talks_later(Engine::Epoll, LONG, "con un límite de un minuto")
}

fn solo_dice_lo_que_se_espera() -> Outcome {
    with_both(2, |room| {
        room.register(0, Interest::Write)?;
        room.register(1, Interest::Both)?;
        room.peers[0].send("no se pidió leerlo")?;
        room.peers[1].send("este sí")?;
        let both = Event { readable: true, ..writable(101) };
        room.says("si hablan los dos, y solo del 101 se pidió leer", &[writable(100), both])
    })
}

fn cambiar_sustituye_lo_que_se_espera() -> Outcome {
    with_both(1, |room| {
        room.register(0, Interest::Read)?;
        room.peers[0].send("hola")?;
        for (interest, event) in [
            (Interest::Write, writable(100)),
            (Interest::Both, Event { readable: true, ..writable(100) }),
            (Interest::Read, readable(100)),
        ] {
            done("modify", room.selector.modify(100, interest))?;
            room.says(&format!("tras cambiar a {interest:?}"), &[event])?;
        }
        Ok(())
    })
}

fn de_una_conexión_rota_también_dice_solo_lo_que_se_espera() -> Outcome {
    with_both(1, |room| {
        room.register(0, Interest::Read)?;
        room.peers.remove(0).reset()?;
        for (interest, event) in [
            (Interest::Read, readable(100)),
            (Interest::Write, writable(100)),
            (Interest::Both, Event { readable: true, ..writable(100) }),
        ] {
            done("modify", room.selector.modify(100, interest))?;
            let when = format!("de una conexión que se cortó, de la que se espera {interest:?}");
            room.says(&when, &[event])?;
        }
        done("unregister", room.selector.unregister(100))?;
        // De una tubería en la que ya no escribe nadie, epoll dice EPOLLHUP y nada más.
        let (reader, writer) = io::pipe()?;
        drop(writer);
        done("register", room.selector.register(7, Rc::new(reader), Interest::Read))?;
        room.says("de una tubería en la que ya no escribe nadie", &[readable(7)])?;
        done("unregister", room.selector.unregister(7))?;
        // Y de una que ya no lee nadie, EPOLLERR sin EPOLLHUP.
        let (reader, writer) = io::pipe()?;
        drop(reader);
        done("register", room.selector.register(8, Rc::new(writer), Interest::Read))?;
        room.says("de una tubería que ya no lee nadie, si se espera leer", &[readable(8)])
    })
    .hint(
        "quien lea o escriba en una conexión rota verá el error: está lista para lo que se esperaba de \
         ella, y para nada más. Con epoll, son EPOLLERR y EPOLLHUP, que llegan sin pedirlos",
    )
}

fn de_quien_ya_no_se_vigila_no_dice_nada() -> Outcome {
    with_both(2, |room| {
        room.register(0, Interest::Read)?;
        room.register(1, Interest::Read)?;
        room.peers[0].send("hola")?;
        done("unregister", room.selector.unregister(100))?;
        room.says_nothing("de un cliente al que se quitó")?;
        room.peers[1].send("hola")?;
        room.says("si se quitó al 100 y habla el 101", &[readable(101)])?;
        room.register(0, Interest::Read)?;
        room.says("si vuelve el 100, que había hablado", &[readable(100), readable(101)])
    })
    .hint(
        "con epoll, olvidarlo no basta: lo vigila mientras alguien lo tenga abierto, y aquí \
         alguien más lo tiene; hay que pedirle que deje de hacerlo",
    )
}

fn al_quitarlo_se_suelta_el_socket() -> Outcome {
    with_both(1, |room| {
        room.register(0, Interest::Read)?;
        done("unregister", room.selector.unregister(100))?;
        room.sockets.clear();
        room.peers[0]
            .expect_end()
            .hint("nadie más tenía el socket: si tu motor no lo suelta, la conexión no se cierra")
    })
}

fn lo_que_no_puede_ser_es_un_error_y_no_cambia_nada() -> Outcome {
    with_both(2, |room| {
        room.register(0, Interest::Read)?;
        let again = [(100, 1, "un número repetido"), (101, 0, "un socket repetido")];
        for (id, place, what) in again {
            let socket = Rc::clone(&room.sockets[place]);
            let got = room.selector.register(id, socket, Interest::Write);
            let what = format!("el error que devuelve `register` con {what}");
            ensure_fails(what, ErrorKind::AlreadyExists, &got)?;
        }
        let got = room.selector.modify(101, Interest::Read);
        let what = "el error que devuelve `modify` de quien no está";
        ensure_fails(what, ErrorKind::NotFound, &got)?;
        let got = room.selector.unregister(101);
        let what = "el error que devuelve `unregister` de quien no está";
        ensure_fails(what, ErrorKind::NotFound, &got)?;
        room.peers[1].send("hola")?;
        room.says_nothing("de un socket que no se pudo registrar")?;
        room.peers[0].send("hola")?;
        room.says("tras cuatro llamadas que no podían ser", &[readable(100)])
    })
}

fn si_el_núcleo_se_niega_todo_queda_como_estaba() -> Outcome {
    with_both(1, |room| {
        // Un archivo corriente no se puede vigilar con epoll: EPERM. Para `select`, está listo siempre.
        let file = Rc::new(File::open(env::current_exe()?)?);
        if room.selector.register(100, file, Interest::Read).is_ok() {
            ensure_equal("quién aceptó vigilar un archivo corriente", Engine::Select, room.engine)?;
            return done("unregister", room.selector.unregister(100));
        }
        room.register(0, Interest::Read).hint(
            "se quiso registrar un archivo corriente con un número que no llegó a tener nadie, \
             porque el núcleo se negó (EPERM): ese número sigue libre",
        )
    })
}

fn toda_llamada_pasa_por_kernel() -> Outcome {
    with_both(1, |room| {
        room.asks_the_kernel_for("register", |room| room.register(0, Interest::Read))?;
        room.asks_the_kernel_for("modify", |room| {
            done("modify", room.selector.modify(100, Interest::Both))
        })?;
        room.asks_the_kernel_for("unregister", |room| {
            done("unregister", room.selector.unregister(100))
        })
    })
}

fn de_cien_que_hablan_no_se_pierde_ninguno() -> Outcome {
    for engine in WRITTEN {
        let measured = work_of(engine, 100)?;
        ensure(measured.all_talk >= 100, || {
            format!("Con {engine}: hablaron cien, y el núcleo solo examinó {}.", measured.all_talk)
        })?;
    }
    Ok(())
}

fn más_allá_de_1023_select_se_niega_y_epoll_no() -> Outcome {
    for engine in WRITTEN {
        let (fillers, refuses) = within(LIMIT, "registrar un descriptor alto", move || {
            let fillers = fill_to(FD_SETSIZE)?;
            Ok::<_, Failure>((fillers, refuses_high_descriptors(engine)?))
        })??;
        drop(fillers);
        ensure(refuses == (engine == Engine::Select), || match engine {
            Engine::Select => "Con select: `register` aceptó un descriptor que no cabe en los \
                               conjuntos, que llegan al 1023. En cuanto se anote en uno, `nix` \
                               entrará en pánico."
                .to_owned(),
            _ => {
                format!(
                    "Con {engine}: `register` no aceptó un descriptor mayor que 1023, y {engine} no tiene ese límite."
                )
            }
        })?;
    }
    Ok(())
}

fn el_mismo_eco_sobre_los_tres() -> Outcome {
    for engine in WRITTEN {
        let (listener, clients) = narrow_listener()?;
        let serving = Task::start("el eco", move || serve(&mut *selector(engine)?, listener, 4))?;
        serving.explain(talk(&clients).within(format!("Con el eco sobre {engine}.")))?;
        let ended = serving.finish(LIMIT)?;
        ended.map_err(|error| {
            Failure::new(format!("Con {engine}, un método de tu motor devolvió {}.", shown(&error)))
        })?;
    }
    let (listener, clients) = narrow_listener()?;
    let _threads = Threads::start(listener)?;
    talk(&clients)
}

fn las_predicciones_se_cumplen() -> Outcome {
    let predicted = within(LIMIT, "predecir", predict)?;
    let rows = CONNECTIONS.map(|count| {
        Ok(Row {
            threads: threads_for(count)?,
            select: work_of(Engine::Select, count)?,
            epoll: work_of(Engine::Epoll, count)?,
        })
    });
    let rows: Vec<Row> = rows.into_iter().collect::<Result<_, Failure>>()?;
    let wrong = wrong_predictions(&predicted, &rows);
    if wrong.is_empty() {
        return Ok(());
    }
    let headline = match wrong.len() {
        1 => "Una predicción no coincide con lo medido.".to_owned(),
        count => format!("{count} predicciones no coinciden con lo medido."),
    };
    Err(Failure::new(headline)
        .section("Lo que trabajó el núcleo", table(&rows))
        .section("Dónde y por qué", wrong)
        .hint("fallar aquí es aprender: apunta qué creías, y corrige `predict`"))
}

fn ejecutar() -> Outcome {
    raise_descriptor_limit();
    let mut out = io::stdout();
    let title = "Procesador que gasta el servidor en cada mensaje, con 4 clientes que no callan:";
    writeln!(out, "{title}\n\n  conexiones         hilos        select         epoll")?;
    for connections in [10, 100, 1000] {
        write!(out, "  {connections:>10}")?;
        for engine in [Engine::Threads, Engine::Select, Engine::Epoll] {
            let spent = cpu_with(engine, connections)?;
            let tenths = spent.as_nanos().div_ceil(100);
            write!(out, "{:>12}", format!("{},{} µs", tenths / 10, tenths % 10))?;
            out.flush()?;
        }
        writeln!(out)?;
    }
    let warning =
        "Compilado sin optimizar: compara unas casillas con otras, no con otros programas.";
    Ok(writeln!(out, "\n{warning}")?)
}

follow!(|hands| {
    let why = "mide durante diez segundos, y sus números son los de esta máquina";
    hands.leave("cargo curso ejecutar", why)
});

/// Lo medido con un número de conexiones.
struct Row {
    threads: usize,
    select: Measured,
    epoll: Measured,
}

fn table(rows: &[Row]) -> Vec<String> {
    let mut lines = vec![
        "conexiones   hilos    registrar (llamadas)   habla una (examina)   hablan todas"
            .to_owned(),
        "              vivos      select      epoll      select     epoll    select   epoll"
            .to_owned(),
    ];
    lines.extend(rows.iter().map(|Row { threads, select, epoll }| {
        format!(
            "{:>10} {threads:>8} {:>11} {:>10} {:>11} {:>9} {:>9} {:>7}",
            select.connections,
            select.registering,
            epoll.registering,
            select.one_talks,
            epoll.one_talks,
            select.all_talk,
            epoll.all_talk,
        )
    }));
    lines
}

/// Qué se predijo mal y por qué; nada, si todo se cumple.
fn wrong_predictions(predicted: &Predictions, rows: &[Row]) -> Vec<String> {
    let (first, last) = (&rows[0], &rows[rows.len() - 1]);
    let hundred = rows.iter().find(|row| row.select.connections == 100).unwrap_or(last);
    let growing = [
        (Engine::Select, first.select.one_talks < last.select.one_talks),
        (Engine::Epoll, first.epoll.one_talks < last.epoll.one_talks),
    ];
    let grows = growing.iter().find(|(_, grows)| *grows).map(|(engine, _)| *engine);
    let mut wrong = Vec::new();
    if grows != Some(predicted.grows) {
        wrong.push(format!(
            "grows: dijiste {}. Al pasar de {} a {} conexiones, con una sola que habla, `select` \
             examina {} en vez de {}, y `epoll`, {} en vez de {}. A un hilo lo despierta solo su \
             socket: los demás le dan igual.",
            predicted.grows,
            first.select.connections,
            last.select.connections,
            last.select.one_talks,
            first.select.one_talks,
            last.epoll.one_talks,
            first.epoll.one_talks,
        ));
    }
    if predicted.stops != Engine::Select {
        wrong.push(format!(
            "stops: dijiste {}. Lo viste en una prueba anterior: los conjuntos de `select` son un \
             mapa de 1024 bits, y el descriptor 1024 no cabe. Los otros dos no tienen mapa.",
            predicted.stops
        ));
    }
    let figures = [
        (
            "calls_to_register_with_select",
            predicted.calls_to_register_with_select,
            hundred.select.registering,
            "`select` no recuerda nada: la lista es tuya, y se la cuentas entera en cada espera",
        ),
        (
            "calls_to_register_with_epoll",
            predicted.calls_to_register_with_epoll,
            hundred.epoll.registering,
            "la lista la guarda el núcleo: epoll_ctl(2), una vez por socket",
        ),
        (
            "select_examines",
            predicted.select_examines,
            hundred.select.one_talks,
            "para saber quién habló, el núcleo pregunta a todos los de los conjuntos, hablen o no",
        ),
        (
            "epoll_examines",
            predicted.epoll_examines,
            hundred.epoll.one_talks,
            "cada socket se apunta solo en la lista de listos cuando le pasa algo: el núcleo no \
             recorre a los callados",
        ),
        (
            "epoll_examines_if_all_talk",
            predicted.epoll_examines_if_all_talk,
            hundred.epoll.all_talk,
            "si hablan todos, todos están en la lista de listos: la ventaja de `epoll` son los \
             callados, y aquí no hay",
        ),
    ];
    for (name, said, measured, why) in figures {
        if said != measured {
            wrong.push(format!("{name}: dijiste {said} y son {measured}; {why}."));
        }
    }
    wrong
}

fn selector(engine: Engine) -> io::Result<Box<dyn Selector>> {
    with_kernel(engine, Kernel::counting())
}

fn with_kernel(engine: Engine, kernel: Kernel) -> io::Result<Box<dyn Selector>> {
    Ok(match engine {
        Engine::Epoll => Box::new(EpollSelector::new(kernel)?),
        _ => Box::new(SelectSelector::new(kernel)?),
    })
}

fn work_of(engine: Engine, connections: usize) -> Result<Measured, Failure> {
    let measured = within(2 * LIMIT, &format!("medir el trabajo con {engine}"), move || {
        measure(&mut *selector(engine)?, connections)
    });
    let when = format!("Al medir el trabajo con {engine}.");
    let measured = measured?.within(&when)?;
    ensure(measured.registering >= least_calls(engine) * connections, || {
        format!(
            "Se registraron {connections} conexiones, y `Kernel` contó {} llamadas. {AROUND}",
            measured.registering
        )
    })
    .within(when)?;
    Ok(measured)
}

/// Qué pasa si no todas las llamadas las hace `Kernel`.
const AROUND: &str = "Alguna de tus llamadas a epoll_ctl(2) no pasa por él. Pídesela a `self.kernel`, y \
                      no al epoll: si no, la tabla dirá menos llamadas de las que hiciste, y tus \
                      predicciones se compararán con una cuenta falsa.";

/// Llamadas que cuesta, por lo menos, contarle al núcleo algo de un socket.
fn least_calls(engine: Engine) -> usize {
    // `select` no se lo cuenta hasta que espera.
    usize::from(engine == Engine::Epoll)
}

fn refuses_high_descriptors(engine: Engine) -> Result<bool, Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let mut selector = selector(engine)?;
    let registered = selector.register(7, Rc::new(listener), Interest::Read);
    if registered.is_err() {
        let got = selector.modify(7, Interest::Write);
        let what = "el error que devuelve `modify` de quien no se pudo registrar";
        ensure_fails(what, ErrorKind::NotFound, &got)?;
    }
    Ok(registered.is_err())
}

fn cpu_with(engine: Engine, connections: usize) -> Result<Duration, Failure> {
    if engine == Engine::Threads {
        return Ok(comparison::cpu_per_message(connections, |it| Ok(Threads::start(it)?))?.1);
    }
    let start = |listener| {
        Task::start("el servicio", move || {
            serve(&mut *with_kernel(engine, Kernel::silent())?, listener, connections)
        })
    };
    let (serving, spent) = comparison::cpu_per_message(connections, start)?;
    serving.finish(LIMIT)??;
    Ok(spent)
}

/// Un socket que escucha, con poco sitio para lo que se escriba a cada cliente.
fn narrow_listener() -> Result<(TcpListener, Conversation), Failure> {
    let (listener, clients) = listening()?;
    SockRef::from(&listener).set_send_buffer_size(ROOM)?;
    Ok((listener, clients))
}

/// Cuatro clientes: uno que calla, dos que hablan, y uno que envía mucho antes de leer.
fn talk(clients: &Conversation) -> Outcome {
    let mut silent = clients.peer("callado")?;
    let (mut ana, mut beto) = (clients.peer("ana")?, clients.peer("beto")?);
    let mut hasty = clients.peer_with_receive_buffer("impaciente", ROOM)?;
    // Más de lo que cabe de vuelta: habrá que esperar a que se le pueda escribir.
    let much = numbered_lines(16 * ROOM);
    let much = &much[..16 * ROOM];
    let message = &much[..MESSAGE];
    for peer in [&mut ana, &mut beto] {
        echoes(peer, message)?;
    }
    beto.send_in_pieces(message, MESSAGE / 2)?;
    beto.expect(message)?;
    let sending = hasty.send_meanwhile(much)?;
    echoes(&mut ana, message)?;
    hasty.expect(much)?;
    sending.finish()?;
    for mut peer in [ana, hasty, beto] {
        peer.half_close()?;
        peer.expect_end()?;
    }
    silent.half_close()?;
    silent.expect_end()
}

/// Un motor, sockets aceptados y quienes les hablan. El del lugar 0 lleva el número 100.
struct Room {
    engine: Engine,
    selector: Box<dyn Selector>,
    sockets: Vec<Rc<TcpStream>>,
    peers: Vec<Peer>,
}

impl Room {
    fn register(&mut self, place: usize, interest: Interest) -> Outcome {
        let socket = Rc::clone(&self.sockets[place]);
        done("register", self.selector.register(100 + place as u64, socket, interest))
    }

    /// Comprueba los avisos de la espera siguiente, en cualquier orden.
    fn says(&mut self, when: &str, expected: &[Event]) -> Outcome {
        let mut events = self.wait(ENOUGH)?;
        events.sort_by_key(|event| event.id);
        ensure_equal(format!("los avisos de `select` {when}"), expected, events.as_slice())
    }

    /// Comprueba que no diga nada en un rato, y que duerma ese rato.
    fn says_nothing(&mut self, when: &str) -> Outcome {
        let started = Instant::now();
        let events = self.wait(Some(A_WHILE))?;
        let slept = started.elapsed();
        ensure(events.is_empty(), || {
            format!("`select` no debía decir nada {when}, y dijo {events:?}.")
        })?;
        // A `epoll_wait` se le dan milisegundos enteros: como mucho, falta una parte de uno.
        ensure(slept + Duration::from_millis(1) >= A_WHILE, || {
            format!(
                "`select` no tenía nada que decir {when}. Su límite eran {} ms, y volvió a los {}: sin \
                 nada que decir se duerme el límite entero. Quien vuelve antes da vueltas sin descanso.",
                A_WHILE.as_millis(),
                slept.as_millis()
            )
        })
    }

    /// Hace algo que sale bien y que cuesta llamar al núcleo: `Kernel` ha de contarlo.
    fn asks_the_kernel_for(
        &mut self,
        method: &str,
        work: impl FnOnce(&mut Room) -> Outcome,
    ) -> Outcome {
        let before = self.selector.work().registrations;
        work(self)?;
        let calls = self.selector.work().registrations.saturating_sub(before);
        ensure(calls >= least_calls(self.engine), || {
            format!("`{method}` salió bien, y `Kernel` no contó ninguna llamada. {AROUND}")
        })
    }

    fn wait(&mut self, limit: Option<Duration>) -> Result<Vec<Event>, Failure> {
        self.selector.select(limit).map_err(|error| refused("select", &error))
    }
}

/// Conecta a `count` clientes y sigue el guion, con cada uno de los motores que se escriben aquí.
fn with_both(
    count: usize,
    script: impl Fn(&mut Room) -> Outcome + Clone + Send + 'static,
) -> Outcome {
    WRITTEN.into_iter().try_for_each(|engine| with_one(engine, count, script.clone()))
}

fn with_one(
    engine: Engine,
    count: usize,
    script: impl FnOnce(&mut Room) -> Outcome + Send + 'static,
) -> Outcome {
    let (listener, conversation) = listening()?;
    let conversation = conversation.limit(LIMIT / 3);
    let (mut streams, mut peers) = (Vec::new(), Vec::new());
    for place in 0..count {
        peers.push(conversation.peer(&format!("cliente {}", 100 + place))?);
        streams.push(listener.accept()?.0);
    }
    let followed = within(LIMIT, &format!("usar tu motor de {engine}"), move || {
        let selector = selector(engine).map_err(|error| refused("new", &error))?;
        let sockets = streams.into_iter().map(Rc::new).collect();
        script(&mut Room { engine, selector, sockets, peers })
    })?;
    followed.within(format!("Con {engine}."))
}

/// Un cliente calla, y después habla: `select` vuelve entonces, y con su aviso.
fn hears_who_talks_later(engine: Engine, limit: Option<Duration>, how: &'static str) -> Outcome {
    with_one(engine, 1, move |room| {
        room.register(0, Interest::Read)?;
        let mut peer = room.peers.remove(0);
        let events = until_called(&mut peer, how, || room.wait(limit))?;
        ensure_equal(format!("los avisos de `select` {how}"), vec![readable(100)], events?)
    })
}

fn readable(id: u64) -> Event {
    Event { id, readable: true, writable: false }
}

fn writable(id: u64) -> Event {
    Event { id, readable: false, writable: true }
}

fn done(method: &str, outcome: io::Result<()>) -> Outcome {
    outcome.map_err(|error| refused(method, &error))
}

fn refused(method: &str, error: &io::Error) -> Failure {
    Failure::new(format!("`{method}` debía salir bien, y devolvió {:?}.", error.kind()))
}
