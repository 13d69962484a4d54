//! Las pruebas de 02_04_5_flanco: con sockets de mentira, de los que se sabe qué les queda; con
//! epoll y sockets de verdad, y con el servidor entero.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod server;
pub mod turn;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ejercicio::{Client, Room, accept_all, watch};
use ejercicios::epoll::{names, wait};
use ejercicios::fake::Piece::{self, End, Fails};
use ejercicios::fake::Space::{self, Fits, Refuses};
use ejercicios::fake::{Sink, Source, bytes};
use ejercicios::prelude::*;
use harness::eventually;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollFlags, EpollTimeout};
use server::serve;
use socket2::{Domain, Socket, Type};
use turn::{TURN, Turn};

/// Lo que se da a lo que no debe ocurrir, por si ocurre.
const A_WHILE: Duration = Duration::from_millis(50);

/// Lo que se mira si el hilo gira sin tener nada que hacer.
const LONG_ENOUGH: Duration = Duration::from_millis(300);

/// Lo que tiene por enviar quien no para: si un turno no tuviera límite, se vería.
const ENDLESS: usize = 100 * TURN;

ejercicios::tests! {
    lee_hasta_que_no_queda_nada,
    tras_lo_último_puede_estar_el_final,
    escribe_hasta_que_no_cabe,
    una_señal_no_es_quedarse_sin_nada,
    si_no_cabe_deja_de_leer_y_después_sigue,
    mientras_quede_algo_por_devolver_no_lee,
    quien_cierra_su_lado_recibe_antes_lo_que_falta,
    los_errores_se_devuelven,
    quien_no_para_de_enviar_agota_su_turno,
    cada_uno_tiene_su_turno_y_solo_uno,
    quien_termina_o_falla_se_va,
    se_registra_una_vez_y_por_flanco,
    se_acepta_a_todos_los_que_llaman,
    un_error_de_accept_se_devuelve,
    nada_se_queda_en_el_núcleo,
    el_servidor_devuelve_lo_que_recibe,
    lo_que_no_cabe_de_una_vez_vuelve_entero,
    quien_no_recoge_no_hace_esperar_a_los_demás,
    sin_nada_que_hacer_duerme,
}

fn lee_hasta_que_no_queda_nada() -> Outcome {
    let mut client = Fake::sending([endless(40_000), bytes("fin")]).client();
    client.ends_with("con 40\u{202f}003 bytes por leer", Turn::Wait)?;
    ensure_equal("los bytes devueltos", 40_003, client.0.stream.sink.written.len())
}

fn tras_lo_último_puede_estar_el_final() -> Outcome {
    let mut client = Fake::sending([bytes("adiós"), End]).client();
    client.ends_with("si tras seis bytes está el final", Turn::Done)?;
    client.returned("adiós".as_bytes())
}

fn escribe_hasta_que_no_cabe() -> Outcome {
    let room = [Fits(3), Fits(3), Refuses(ErrorKind::WouldBlock)];
    let mut client = Fake::sending([bytes("0123456789")]).with_room(room).client();
    client.ends_with("si de diez bytes caben tres y después otros tres", Turn::Wait)?;
    client.returned(b"012345")?;
    client.hears(EpollFlags::EPOLLOUT);
    client.ends_with("cuando vuelve a haber sitio", Turn::Wait)?;
    client.returned(b"0123456789")
}

fn una_señal_no_es_quedarse_sin_nada() -> Outcome {
    let interrupted = || Fails(ErrorKind::Interrupted);
    let mut client = Fake::sending([interrupted(), bytes("hola"), interrupted()])
        .with_room([Refuses(ErrorKind::Interrupted)])
        .client();
    let hint = "una señal interrumpió la llamada (EINTR). Por nivel se podía esperar al próximo \
                aviso; por flanco no lo habrá: se repite la llamada";
    client
        .ends_with("con señales de por medio", Turn::Wait)
        .and_then(|()| client.returned(b"hola"))
        .hint(hint)
}

fn si_no_cabe_deja_de_leer_y_después_sigue() -> Outcome {
    let room = std::iter::once(Fits(2))
        .chain(std::iter::repeat_with(|| Refuses(ErrorKind::WouldBlock)).take(100));
    let mut client = Fake::sending([bytes("0123"), endless(ENDLESS)]).with_room(room).client();
    for _ in 0..5 {
        client.turn()?;
        client.hears(EpollFlags::EPOLLIN);
    }
    let read = client.0.stream.read;
    ensure(read <= TURN, || {
        format!(
            "Al cliente no le cabía ni lo primero, y con cinco avisos se le leyeron {read} \
             bytes: quien no recoge acabaría con tu memoria. Mientras quede algo por devolver, no se lee."
        )
    })?;
    let full = || Refuses(ErrorKind::WouldBlock);
    let mut client = Fake::sending([bytes("0123")]).with_room([full()]).client();
    client.turn()?;
    // Llega algo más cuando todavía no se le puede escribir: el aviso es ahora.
    client.0.stream.source.pieces.push_back(bytes("4567"));
    client.0.stream.sink.space.push_back(full());
    client.hears(EpollFlags::EPOLLIN);
    client.turn()?;
    client.0.stream.sink.space.clear();
    client.hears(EpollFlags::EPOLLOUT);
    client.ends_with("cuando vuelve a haber sitio", Turn::Wait).hint(
        "el EPOLLIN de esos bytes llegó cuando no se podía escribir, y no se repite: `readable` \
         ha de recordarlo hasta que una lectura diga `WouldBlock`",
    )?;
    client.returned(b"01234567")
}

fn mientras_quede_algo_por_devolver_no_lee() -> Outcome {
    // Entra todo, de cien en cien bytes: nunca hay razón para leer antes de haber devuelto.
    let room = std::iter::repeat_n(Fits(100), 50);
    let mut client = Fake::sending([endless(2000), End]).with_room(room).client();
    client.ends_with("si cien bytes caben en cada escritura, y después el final", Turn::Done)?;
    let owed = client.0.stream.owed_when_read;
    ensure(owed == 0, || {
        format!(
            "`turn` volvió a leer cuando aún quedaban {owed} bytes por devolver, y había sitio para \
             ellos. Primero se devuelve, y mientras quede algo en `pending` no se lee más: si no, \
             quien envía y no recoge decide cuánta memoria gastas."
        )
    })
}

fn quien_cierra_su_lado_recibe_antes_lo_que_falta() -> Outcome {
    let room = [Fits(4), Refuses(ErrorKind::WouldBlock)];
    let mut client = Fake::sending([bytes("0123456789"), End]).with_room(room).client();
    client.ends_with("con un cliente que cerró su lado y al que no le cabe todo", Turn::Wait)?;
    client.hears(EpollFlags::EPOLLOUT);
    client.ends_with("cuando ya le cabe lo que faltaba", Turn::Done)?;
    client.returned(b"0123456789")
}

fn los_errores_se_devuelven() -> Outcome {
    let kind = ErrorKind::ConnectionReset;
    let mut client = Fake::sending([bytes("hola"), Fails(kind)]).client();
    let turn = client.try_turn()?;
    ensure_equal(format!("lo que da `turn` si `read` falla con {kind:?}"), Err(kind), turn)?;
    let kind = ErrorKind::BrokenPipe;
    let mut client = Fake::sending([bytes("hola")]).with_room([Refuses(kind)]).client();
    let turn = client.try_turn()?;
    ensure_equal(format!("lo que da `turn` si `write` falla con {kind:?}"), Err(kind), turn)
}

fn quien_no_para_de_enviar_agota_su_turno() -> Outcome {
    let mut client = Fake::sending([endless(ENDLESS), bytes("fin"), End]).client();
    client.one_turn_of_endless()?;
    for _ in 0..ENDLESS / TURN + 2 {
        if client.turn()? == Turn::Done {
            break;
        }
    }
    ensure_equal("los bytes que quedan tras muchos turnos", 0, client.0.stream.left())?;
    ensure_equal("los bytes devueltos", ENDLESS + 3, client.0.stream.sink.written.len())
}

fn cada_uno_tiene_su_turno_y_solo_uno() -> Outcome {
    let talker = || Fake::sending([endless(ENDLESS)]);
    let mut room = room([(1, talker()), (2, Fake::sending([bytes("hola")])), (3, talker())]);
    room = turns(room)?;
    ensure_equal(
        "lo que se le devuelve al cliente 2, que espera entre dos que no paran de enviar",
        "hola".to_owned(),
        room.clients.get(&2).map(|client| text(&client.stream.sink.written)).unwrap_or_default(),
    )?;
    for id in [1, 3] {
        let read = room.clients.get(&id).map_or(0, |client| client.stream.read);
        ensure(read > 0 && read <= 2 * TURN, || {
            format!(
                "En una sola llamada a `turns` se le leyeron {read} bytes al cliente {id}, que no \
                 para de enviar: debía ser un turno, de {TURN}. Entre vuelta y vuelta hay que \
                 preguntar a epoll, que puede tener noticias de otros."
            )
        })?;
    }
    let list = ids(&room);
    ensure(list.contains(&1) && list.contains(&3), || {
        format!(
            "Al 1 y al 3 les quedan bytes por leer (dieron Again), y la lista es {list:?}. Epoll no \
             volverá a avisar de ellos: quien no esté en la lista se queda colgado."
        )
    })?;
    ensure(!list.contains(&2), || {
        format!(
            "El 2 no puede seguir sin otro aviso (dio Wait), y la lista es {list:?}. Mientras haya \
             alguien en ella, el bucle no duerme: gira."
        )
    })?;
    ensure_equal("la lista tras una vuelta, si al 1 y al 3 les queda", vec![1, 3], list)
}

fn quien_termina_o_falla_se_va() -> Outcome {
    let room = turns(room([
        (1, Fake::sending([bytes("hola")])),
        (2, Fake::sending([End])),
        (3, Fake::sending([Fails(ErrorKind::ConnectionReset)])),
    ]))?;
    let mut left: Vec<u64> = room.clients.keys().copied().collect();
    left.sort_unstable();
    ensure_equal("los clientes que quedan, si el 2 terminó y el 3 falló", vec![1], left)?;
    ensure_equal("la lista, si a nadie le queda nada", Vec::<u64>::new(), ids(&room))
}

fn se_registra_una_vez_y_por_flanco() -> Outcome {
    with_epoll(|epoll| {
        let (mut peer, stream) = connected()?;
        done("`watch`", watch(epoll, &stream, 100))?;
        let first = news(epoll, LIMIT)?;
        ensure(first == [(100, EpollFlags::EPOLLOUT)], || {
            format!(
                "Tras `watch` de un socket en el que hay sitio y nada que leer, epoll dijo {}, y \
                 debía decir EPOLLOUT con el número 100: el primer aviso, si ya hay sitio, llega al \
                 registrarse.",
                told(&first)
            )
        })?;
        peer.send("hola")?;
        let second = news(epoll, LIMIT)?;
        let readable = second.iter().any(|(_, flags)| flags.contains(EpollFlags::EPOLLIN));
        ensure(readable, || {
            format!("El cliente dijo «hola», y epoll dijo {}, sin EPOLLIN.", told(&second))
        })?;
        let third = news(epoll, A_WHILE)?;
        ensure(third.is_empty(), || {
            format!(
                "Nadie leyó ese «hola», no ha pasado nada nuevo, y epoll lo repite: {}. Eso es por \
                 nivel. Por flanco (EPOLLET) solo se dice lo que cambia.",
                told(&third)
            )
        })
    })
}

fn se_acepta_a_todos_los_que_llaman() -> Outcome {
    with_epoll(|epoll| {
        let (listener, clients) = listening()?;
        listener.set_nonblocking(true)?;
        done("`watch`", watch(epoll, &listener, 1))?;
        let _callers = clients.peers("quien llama", 20)?;
        let mut accepted = Vec::new();
        let mut notices = 0;
        while accepted.len() < 20 {
            if news(epoll, Duration::from_secs(1))?.is_empty() {
                return Err(Failure::new(format!(
                    "Llamaron 20, epoll avisó (avisos: {notices}) y aceptaste a {}. En la cola del \
                     núcleo quedan {}, y epoll ya no dirá nada de ellos: por flanco, solo avisa de \
                     quien llega después. Esos clientes creen que están conectados, y esperan.",
                    accepted.len(),
                    20 - accepted.len()
                )));
            }
            notices += 1;
            accepted.extend(done("`accept_all`", accept_all(&listener))?);
        }
        Ok(())
    })
}

fn un_error_de_accept_se_devuelve() -> Outcome {
    // Tiene dirección, pero nunca se puso a escuchar: accept(2) da EINVAL.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&std::net::SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.set_nonblocking(true)?;
    let deaf = TcpListener::from(socket);
    let accepted = within(LIMIT, "aceptar de un socket que no escucha", move || accept_all(&deaf))?;
    ensure(accepted.is_err(), || {
        format!(
            "`accept_all` de un socket que no escucha devolvió {accepted:?}. Solo `WouldBlock` dice \
             que la cola está vacía; los demás errores se devuelven."
        )
    })
}

fn nada_se_queda_en_el_núcleo() -> Outcome {
    with_epoll(|epoll| {
        let (mut peer, stream) = connected()?;
        stream.set_nonblocking(true)?;
        done("`watch`", watch(epoll, &stream, 7))?;
        let message = vec![b'x'; 40_000];
        peer.send(&message)?;
        eventually("llegara todo al núcleo", LIMIT, || unread(&stream) == message.len())?;
        let mut room = Room::default();
        room.clients.insert(7, Client::new(stream));
        let (mut notices, mut rounds) = (0, 0);
        loop {
            let limit = if room.ready.is_empty() { A_WHILE } else { Duration::ZERO };
            let events = news(epoll, limit)?;
            notices += events.len();
            rounds += 1;
            for (id, flags) in &events {
                room.note(*id, *flags);
            }
            if (events.is_empty() && room.ready.is_empty()) || rounds == 1000 {
                break;
            }
            room.turns();
        }
        let left = room.clients.get(&7).map_or(0, |client| unread(&client.stream));
        ensure(left == 0, || {
            format!(
                "Un cliente envió 40\u{202f}000 bytes y epoll avisó (avisos: {notices}). De ellos, \
                 {left} siguen en el núcleo, sin leer: epoll ya lo dijo, y no lo repite mientras no \
                 llegue algo más. El cliente espera su respuesta y tú esperas otro aviso: para siempre."
            )
        })?;
        peer.expect(&message)
    })
}

fn el_servidor_devuelve_lo_que_recibe() -> Outcome {
    with_loop(|clients, _| {
        let mut peers = clients.peers("cliente", 10)?;
        for peer in &mut peers {
            echoes(peer, "hola")?;
        }
        for peer in peers.iter_mut().rev() {
            echoes(peer, "¿sigues ahí?")?;
        }
        Ok(())
    })
}

fn lo_que_no_cabe_de_una_vez_vuelve_entero() -> Outcome {
    with_loop(|clients, server| {
        let mut peer = clients.peer_with_receive_buffer("quien envía mucho", 64 * 1024)?;
        let large = harness::numbered_lines(3_000_000);
        let sending = peer.send_meanwhile(large.as_slice())?;
        let received = peer.expect(&large).and_then(|()| sending.finish());
        server.explain_what_it_does(received)?;
        peer.half_close()?;
        peer.expect_end()
    })
}

fn quien_no_recoge_no_hace_esperar_a_los_demás() -> Outcome {
    with_loop(|clients, server| {
        let mut deaf = clients.peer_with_receive_buffer("quien no recoge", 4096)?;
        deaf.set_limit(LONG_ENOUGH);
        // Más de lo que admiten los búferes del núcleo: no lo lee nadie.
        let _ = deaf.try_send(vec![b'x'; 20_000_000]);
        let answered = echoes(&mut clients.peer("otro")?, "¿hay alguien?");
        // Aquí, y no fuera: quien no recoge sigue conectado.
        server.explain_what_it_does(answered.hint("hay otro cliente que envía y no recoge"))
    })
}

fn sin_nada_que_hacer_duerme() -> Outcome {
    with_loop(|clients, server| {
        let mut silent = clients.peer("callado")?;
        echoes(&mut silent, "hola")?;
        ensure(!server.spins(LONG_ENOUGH), || {
            "Nadie decía nada, y el bucle no duerme. ¿Sigue alguien en la lista sin nada que hacer? \
             Quien no puede seguir sin otro aviso da `Wait`."
        })
    })
}

by_hand!(|listener| serve(&listener, tell));

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    hands.run("head")?;
    hands.run("ss -tn").map(drop)
});

/// Tantos bytes, de una vez.
fn endless(count: usize) -> Piece {
    bytes(vec![b'x'; count])
}

/// Lo mismo en trozos cortos: lo que sobra de uno se copia en cada lectura, y `read` los junta.
fn small(piece: Piece) -> Vec<Piece> {
    match piece {
        Piece::Bytes(all) => all.chunks(4096).map(bytes).collect(),
        other => vec![other],
    }
}

/// Un socket en el que espera lo que se le dijo.
#[derive(Default)]
struct Fake {
    source: Source,
    sink: Sink,
    /// Bytes que se le han leído.
    read: usize,
    /// Los de este turno.
    read_in_turn: usize,
    /// Lecturas que se hicieron cuando el turno ya se había acabado.
    read_too_late: usize,
    /// Lo más que se debía al leer otra vez.
    owed_when_read: usize,
}

impl Fake {
    fn sending(pieces: impl IntoIterator<Item = Piece>) -> Fake {
        Fake { source: Source::of(pieces.into_iter().flat_map(small)), ..Fake::default() }
    }

    fn with_room(mut self, space: impl IntoIterator<Item = Space>) -> Fake {
        self.sink = Sink::with(space);
        self
    }

    /// Un cliente del que epoll ya avisó.
    fn client(self) -> Driven {
        let mut driven = Driven(Client::new(self));
        driven.hears(EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT);
        driven
    }

    /// Bytes que nadie ha leído.
    fn left(&self) -> usize {
        let count = |piece: &Piece| if let Piece::Bytes(bytes) = piece { bytes.len() } else { 0 };
        self.source.pieces.iter().map(count).sum()
    }

    /// El final está ahí, y nadie lo ha visto.
    fn end_is_unseen(&self, ended: bool) -> bool {
        !ended && matches!(self.source.pieces.front(), Some(End))
    }
}

impl Read for Fake {
    /// Como TCP: da todo lo seguido que haya y quepa, sin mirar cómo llegó.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let owed = self.read.saturating_sub(self.sink.written.len());
        self.owed_when_read = self.owed_when_read.max(owed);
        self.read_too_late += usize::from(self.read_in_turn >= TURN);
        let mut count = 0;
        while count < buffer.len() && (count == 0 || !self.source.pieces.is_empty()) {
            match self.source.read(&mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if count == 0 => return Err(error),
                Err(error) => {
                    self.source.pieces.push_front(Fails(error.kind()));
                    break;
                }
            }
        }
        self.read += count;
        self.read_in_turn += count;
        Ok(count)
    }
}

impl Write for Fake {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sink.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Un cliente de mentira, al que se le dan turnos.
struct Driven(Client<Fake>);

impl Driven {
    /// Lo que dice epoll, una vez.
    fn hears(&mut self, flags: EpollFlags) {
        self.0.readable |= flags.contains(EpollFlags::EPOLLIN);
        self.0.writable |= flags.contains(EpollFlags::EPOLLOUT);
    }

    fn try_turn(&mut self) -> Result<Result<Turn, ErrorKind>, Failure> {
        let mut client = std::mem::replace(&mut self.0, Client::new(Fake::default()));
        client.stream.read_in_turn = 0;
        let (turn, client) = within(LIMIT, "dar un turno", move || {
            let turn = client.turn();
            (turn, client)
        })?;
        self.0 = client;
        self.wrote_only_what_it_read()?;
        Ok(turn.map_err(|error| error.kind()))
    }

    fn wrote_only_what_it_read(&self) -> Outcome {
        let (read, written) = (self.0.stream.read, self.0.stream.sink.written.len());
        ensure(written <= read, || {
            format!(
                "Al cliente se le leyeron {read} bytes, y se le escribieron {written}: más de los que \
                 envió. `read` dice cuántos bytes trajo, y solo esos valen; lo demás del búfer ya \
                 estaba ahí."
            )
        })
    }

    fn turn(&mut self) -> Result<Turn, Failure> {
        self.try_turn()?.map_err(|kind| {
            Failure::new(format!(
                "`turn` devolvió {kind:?}, y con ese cliente no había fallado nada."
            ))
        })
    }

    /// Turnos mientras pida otro, y cómo acaba.
    fn ends_with(&mut self, when: &str, expected: Turn) -> Outcome {
        let mut turn = self.turn()?;
        for _ in 0..100 {
            if turn != Turn::Again {
                break;
            }
            turn = self.turn()?;
        }
        let left = self.0.stream.left();
        let stuck = self.0.pending.is_empty() && turn == Turn::Wait;
        if stuck && left > 0 {
            return Err(Failure::new(format!(
                "`turn` dio Wait {when}, y {left} bytes siguen en el núcleo, sin leer. Por flanco, \
                 epoll ya avisó de ellos y no lo repite mientras no llegue algo más: el cliente \
                 espera su respuesta y tú esperas otro aviso, para siempre. Se lee hasta que `read` \
                 dice `WouldBlock`."
            )));
        }
        if stuck && self.0.stream.end_is_unseen(self.0.ended) {
            return Err(Failure::new(format!(
                "`turn` dio Wait {when}: el final estaba ahí, y nadie lo vio. Llegó con los últimos \
                 bytes y en el mismo aviso, que no se repite: ese cliente se queda para siempre, con \
                 su descriptor. Que una lectura traiga menos de lo que cabe no dice que no haya nada \
                 detrás; solo `WouldBlock` lo dice."
            )));
        }
        if turn == Turn::Wait && !self.0.pending.is_empty() && !self.0.stream.sink.space.is_empty()
        {
            return Err(Failure::new(format!(
                "`turn` dio Wait {when}, con {} bytes por devolver, y ninguna escritura había dicho \
                 `WouldBlock`. Por flanco, EPOLLOUT solo llega tras llenarse el búfer.",
                self.0.pending.len()
            )));
        }
        let outcome = ensure_equal(format!("cómo acaba el turno {when}"), &expected, &turn);
        match self.why(expected, turn) {
            Some(why) => outcome.hint(why),
            None => outcome,
        }
    }

    /// Por qué no es lo que debía.
    fn why(&self, expected: Turn, turn: Turn) -> Option<&'static str> {
        Some(match (expected, turn) {
            (_, Turn::Again) => {
                "«Again» es poder seguir ya mismo, y en cien turnos no hizo nada más: el bucle no \
                 dormiría nunca. Quien no puede leer ni escribir sin otro aviso da «Wait»"
            }
            (Turn::Wait, Turn::Done) if !self.0.pending.is_empty() => {
                "«Done» es poder cerrar, y en `pending` aún queda algo: quien cierra su lado espera \
                 recibirlo"
            }
            (Turn::Wait, Turn::Done) => {
                "«Done» es poder cerrar: `read` no ha dado cero, y ese cliente puede decir algo más"
            }
            (Turn::Done, Turn::Wait) => {
                "`read` dio cero y ya se le devolvió todo: nadie volverá a avisar de él, y se \
                 quedaría para siempre, con su descriptor"
            }
            _ => return None,
        })
    }

    fn returned(&self, expected: &[u8]) -> Outcome {
        let got = text(&self.0.stream.sink.written);
        ensure_equal("lo que se le ha devuelto al cliente", text(expected), got)
    }

    /// Un turno de quien no para de enviar.
    fn one_turn_of_endless(&mut self) -> Outcome {
        let turn = self.turn()?;
        let read = self.0.stream.read;
        ensure(read <= 2 * TURN, || {
            format!(
                "Un cliente no para de enviar, y en un solo turno se le leyeron {read} bytes. \
                 Mientras haya más, no acabaría nunca, y los demás esperan con él. Con {TURN} bytes \
                 leídos, se acabó el turno."
            )
        })?;
        ensure(self.0.stream.read_too_late == 0, || {
            format!(
                "Un cliente no para de enviar. En su turno ya se le habían leído los {TURN} bytes que \
                 dura, y `turn` leyó otra vez: en total, {read}. Con {TURN} leídos, se acabó."
            )
        })?;
        ensure(read >= TURN, || {
            format!(
                "A un cliente le quedaban {ENDLESS} bytes por leer, y su turno acabó con {read}, \
                 antes de los {TURN} que dura, y sin que `read` dijera `WouldBlock`. Acabó en \
                 {turn:?}: epoll no volverá a avisar de los demás."
            )
        })?;
        ensure(turn == Turn::Again, || {
            format!(
                "Se acabó el turno con bytes por leer, y `turn` dio {turn:?}. De los {} que quedan en \
                 el núcleo, epoll ya avisó y no lo repite: si ese cliente no pide otro turno \
                 (Again), nadie se acordará de él.",
                self.0.stream.left()
            )
        })
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn room(clients: impl IntoIterator<Item = (u64, Fake)>) -> Room<Fake> {
    let mut room = Room::default();
    for (id, fake) in clients {
        room.clients.insert(id, Client::new(fake));
        room.note(id, EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT);
    }
    room
}

/// Una vuelta de turnos.
fn turns(mut room: Room<Fake>) -> Result<Room<Fake>, Failure> {
    lending(LIMIT, "dar un turno a cada uno", &mut room, Room::turns)?;
    Ok(room)
}

fn ids(room: &Room<Fake>) -> Vec<u64> {
    room.ready.iter().copied().collect()
}

fn with_epoll(script: impl FnOnce(&Epoll) -> Outcome + Send + 'static) -> Outcome {
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).map_err(io::Error::from)?;
    within(LIMIT * 2, "vigilar sockets por flanco", move || script(&epoll))?
}

/// Los avisos que haya antes de `limit`.
fn news(epoll: &Epoll, limit: Duration) -> Result<Vec<(u64, EpollFlags)>, Failure> {
    let timeout = EpollTimeout::try_from(limit).unwrap_or(EpollTimeout::MAX);
    Ok(wait(epoll, timeout)?)
}

/// Los avisos, para el informe.
fn told(events: &[(u64, EpollFlags)]) -> String {
    match events.first() {
        Some((id, flags)) => format!("{} con el número {id}", names(*flags)),
        None => "que no había nada".to_owned(),
    }
}

/// Bytes que hay en el núcleo y nadie ha leído.
fn unread(stream: &TcpStream) -> usize {
    stream.peek(&mut vec![0; 1 << 17]).unwrap_or(0)
}

/// Pone en marcha el bucle y sigue el guion.
fn with_loop(script: impl FnOnce(&Conversation, &Serving) -> Outcome) -> Outcome {
    with_server("el servidor", listening()?, |listener| serve(&listener, |_| ()), script)
}
