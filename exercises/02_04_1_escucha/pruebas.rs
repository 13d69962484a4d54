//! Las pruebas de 02_04_1_escucha: las opciones que el núcleo dice que tiene cada socket, y lo que
//! se nota de ellas.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use ejercicio::{BACKLOG, accept, listen};
use ejercicios::prelude::*;
use harness::raise_descriptor_limit;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, SockRef, Socket, Type};

/// Los que llaman a la vez a un servidor ocupado. Más que los 128 de otras bibliotecas.
const CROWD: usize = 300;

ejercicios::tests! {
    escucha_donde_se_le_dice,
    el_que_escucha_no_bloquea,
    el_que_escucha_tiene_tcp_nodelay,
    también_escucha_en_ipv6,
    dos_servidores_no_comparten_el_puerto,
    se_puede_volver_a_arrancar_enseguida,
    la_cola_es_la_pedida,
    en_la_cola_caben_muchos,
    sin_nadie_en_la_cola_no_se_espera,
    los_clientes_se_aceptan_por_orden_de_llegada,
    el_socket_de_un_cliente_no_bloquea,
    cada_cliente_tiene_tcp_nodelay_aunque_no_se_herede,
    un_error_de_verdad_se_devuelve,
}

fn escucha_donde_se_le_dice() -> Outcome {
    let listener = listening_on(any_port())?;
    let address = listener.local_addr()?;
    ensure(address.ip() == any_port().ip(), || {
        format!(
            "Se pidió escuchar en {}, y escucha en {}: puede llamar quien no debía.",
            any_port().ip(),
            address.ip()
        )
    })?;
    TcpStream::connect_timeout(&address, LIMIT).map_err(|error| {
        Failure::new(format!("Nadie puede conectarse a {address}: {}.", reason(&error)))
            .hint("después de `bind` hace falta `listen`: hasta entonces no llega nadie")
    })?;
    Ok(())
}

fn el_que_escucha_no_bloquea() -> Outcome {
    let listener = listening_on(any_port())?;
    ensure(SockRef::from(&listener).nonblocking()?, || {
        "El socket que escucha bloquea: le falta O_NONBLOCK. Si quien llamó se va antes de que lo \
         aceptes, `accept` dormirá hasta que llegue otro, y con él todos los clientes."
    })
}

fn el_que_escucha_tiene_tcp_nodelay() -> Outcome {
    let listener = listening_on(any_port())?;
    ensure(SockRef::from(&listener).tcp_nodelay()?, || {
        "Al socket que escucha le falta TCP_NODELAY. Sin ella, el núcleo puede retener una respuesta \
         pequeña hasta que el cliente confirme la anterior; en Linux la heredan los sockets que \
         se aceptan en él."
    })
}

fn también_escucha_en_ipv6() -> Outcome {
    let address = SocketAddr::from((Ipv6Addr::LOCALHOST, 0));
    let listener = match within(LIMIT, "escuchar en IPv6", move || listen(address))? {
        Ok(listener) => listener,
        Err(_) if !harness::tools::ipv6("IPv6")? => return Ok(()),
        outcome => done(format!("`listen` en {address}"), outcome)
            .hint("el dominio del socket depende de la dirección: `Domain::for_address`")?,
    };
    ensure(listener.local_addr()?.is_ipv6(), || {
        format!("Se pidió escuchar en {address}, y escucha en otra parte: {listener:?}.")
    })
}

fn dos_servidores_no_comparten_el_puerto() -> Outcome {
    let first = listening_on(any_port())?;
    let address = first.local_addr()?;
    let second = within(LIMIT, "escuchar en un puerto ocupado", move || listen(address))?;
    let kind = second.map(|_| ()).map_err(|error| error.kind());
    ensure(kind == Err(ErrorKind::AddrInUse), || match kind {
        Ok(()) => format!(
            "Dos servidores escuchan a la vez en el mismo puerto, {address}, y se reparten los \
             clientes sin saberlo. Eso lo permite SO_REUSEPORT, que es otra opción: aquí se pide \
             SO_REUSEADDR."
        ),
        Err(kind) => {
            format!(
                "Con el puerto ocupado, `listen` debía devolver AddrInUse, y devolvió {kind:?}."
            )
        }
    })
}

fn se_puede_volver_a_arrancar_enseguida() -> Outcome {
    let first = listening_on(any_port())?;
    let address = first.local_addr()?;
    let conversation = Conversation::with(address).limit(LIMIT);
    let mut client = conversation.peer("cliente")?;
    // Cierra primero el servidor: es su lado el que queda en TIME_WAIT.
    drop(arrived(&first)?);
    client.expect_end()?;
    client.close();
    drop(first);
    let again = within(LIMIT, "volver a escuchar", move || listen(address))?;
    again.map(drop).map_err(|error| {
        Failure::new(format!(
            "Un servidor atendió a un cliente en {address} y terminó. Otro quiso arrancar \
             enseguida, y `listen` devolvió {:?}. El puerto está libre, pero queda una conexión \
             en TIME_WAIT: SO_REUSEADDR tiene que estar puesta antes de pedir la dirección con \
             `bind`.",
            error.kind()
        ))
    })
}

fn la_cola_es_la_pedida() -> Outcome {
    let listener = listening_on(any_port())?;
    let asked = usize::try_from(BACKLOG).unwrap_or_default().min(longest_queue());
    // No todos los sistemas lo dicen.
    let Some(got) = harness::queue_length(listener.local_addr()?) else { return Ok(()) };
    let what = "cuántos clientes caben en la cola (la columna `Send-Q` de `ss -tln`)";
    ensure_equal(what, asked, got as usize)
        .hint(format!("`listen` recibe la longitud de la cola: aquí, BACKLOG ({BACKLOG})"))
}

fn en_la_cola_caben_muchos() -> Outcome {
    raise_descriptor_limit();
    let listener = listening_on(any_port())?;
    let address = listener.local_addr()?;
    let crowd = CROWD.min(longest_queue());
    let mut waiting = Vec::new();
    for arrived in 0..crowd {
        // Nadie acepta: quien no quepa en la cola se queda sin respuesta hasta el límite.
        let client = TcpStream::connect_timeout(&address, LIMIT / 3).map_err(|error| {
            Failure::new(format!(
                "Llegaron {crowd} clientes mientras el servidor estaba ocupado, y la cola del \
                 núcleo se llenó con {arrived}. El siguiente no pudo conectarse: {}.",
                reason(&error)
            ))
            .hint(format!("`listen` recibe la longitud de la cola: aquí, BACKLOG ({BACKLOG})"))
        })?;
        waiting.push(client);
    }
    Ok(())
}

fn sin_nadie_en_la_cola_no_se_espera() -> Outcome {
    let listener = listening_on(any_port())?;
    let accepted = within(LIMIT, "aceptar cuando no llama nadie", move || accept(&listener))?;
    ensure(matches!(accepted, Ok(None)), || {
        format!(
            "No llamaba nadie, y `accept` debía devolver Ok(None). Devolvió {}. Que no haya nadie \
             (ErrorKind::WouldBlock) no es un fallo.",
            shown(&accepted)
        )
    })
}

fn los_clientes_se_aceptan_por_orden_de_llegada() -> Outcome {
    let listener = listening_on(any_port())?;
    let address = listener.local_addr()?;
    let callers = [TcpStream::connect(address)?, TcpStream::connect(address)?];
    for caller in &callers {
        let client = arrived(&listener)?;
        ensure_equal("a quién aceptaste", &caller.local_addr()?, &client.peer_addr()?)?;
    }
    let nobody = within(LIMIT, "aceptar cuando ya no llama nadie", move || accept(&listener))?;
    ensure(matches!(nobody, Ok(None)), || {
        format!("Ya se aceptó a los dos que llamaron, y `accept` devolvió {}.", shown(&nobody))
    })
}

fn el_socket_de_un_cliente_no_bloquea() -> Outcome {
    let listener = listening_on(any_port())?;
    let _caller = TcpStream::connect(listener.local_addr()?)?;
    let client = arrived(&listener)?;
    ensure(SockRef::from(&client).nonblocking()?, || {
        "El socket de un cliente recién aceptado bloquea: en Linux no hereda O_NONBLOCK del que \
         escucha (accept(2)), y hay que pedírselo. Si no, un `read` de más detiene a todos."
    })
}

fn cada_cliente_tiene_tcp_nodelay_aunque_no_se_herede() -> Outcome {
    // Uno que no la tiene, y del que no se puede heredar.
    let listener = TcpListener::bind(any_port())?;
    listener.set_nonblocking(true)?;
    let _caller = TcpStream::connect(listener.local_addr()?)?;
    let client = arrived(&listener)?;
    ensure(client.nodelay()?, || {
        "Al socket de un cliente le falta TCP_NODELAY. El que escuchaba no la tenía, así que no \
         pudo heredarla: `accept` ha de ponerla en cada cliente."
    })
}

fn un_error_de_verdad_se_devuelve() -> Outcome {
    // Tiene dirección, pero nunca se puso a escuchar: accept(2) da EINVAL.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&any_port().into())?;
    socket.set_nonblocking(true)?;
    let deaf = TcpListener::from(socket);
    let accepted = within(LIMIT, "aceptar de un socket que no escucha", move || accept(&deaf))?;
    ensure(accepted.is_err(), || {
        format!(
            "`accept` de un socket que no escucha devolvió {}. Solo un error significa que no hay \
             nadie, ErrorKind::WouldBlock; los demás se devuelven, o el servidor esperará para \
             siempre a quien no puede llegar.",
            shown(&accepted)
        )
    })
}

by_hand!(|given| {
    let address = given.local_addr()?;
    // Ese puerto, pero con tu socket.
    drop(given);
    let listener = listen(address)?;
    for number in 1_u64.. {
        let mut client = next_client(&listener)?;
        writeln!(io::stdout(), "cliente {number}, desde {}", client.peer_addr()?)?;
        // Un saludo cabe siempre en un búfer de salida vacío; y si ya se fue, no importa.
        let _ = writeln!(client, "¡Hola! Eres el cliente {number}.");
    }
    Ok(())
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    // El puerto que se anunció se suelta, y lo vuelve a abrir `listen`.
    let mut queue = || hands.run("ss -tln");
    harness::eventually("`listen` escuchara con una cola de 1024", LIMIT, || {
        queue().is_ok_and(|sockets| sockets.contains(" 1024 "))
    })?;
    let hello = hands.run("nc -d")?;
    ensure_equal("el saludo", "¡Hola! Eres el cliente 1.\n", hello.as_str())?;
    hands.run("ss -tan").map(drop)
});

/// Espera con poll(2) a que alguien llame y lo acepta.
fn next_client(listener: &TcpListener) -> io::Result<TcpStream> {
    loop {
        if let Some(client) = accept(listener)? {
            return Ok(client);
        }
        poll(&mut [PollFd::new(listener.as_fd(), PollFlags::POLLIN)], PollTimeout::NONE)?;
    }
}

fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

fn listening_on(address: SocketAddr) -> Result<TcpListener, Failure> {
    done(format!("`listen` en {address}"), within(LIMIT, "escuchar", move || listen(address))?)
}

/// Acepta a quien ya está en la cola.
fn arrived(listener: &TcpListener) -> Result<TcpStream, Failure> {
    let listener = listener.try_clone()?;
    let accepted = within(LIMIT, "aceptar a quien llama", move || accept(&listener))?;
    match accepted {
        Ok(Some(client)) => Ok(client),
        other => Err(Failure::new(format!(
            "Hay un cliente en la cola, y `accept` debía devolverlo. Devolvió {}.",
            shown(&other)
        ))),
    }
}

/// La cola más larga que concede el núcleo (listen(2)).
fn longest_queue() -> usize {
    let limit = fs::read_to_string("/proc/sys/net/core/somaxconn").ok();
    limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(128)
}

fn reason(error: &io::Error) -> String {
    if error.kind() == ErrorKind::TimedOut {
        let limit: Duration = LIMIT / 3;
        format!("esperó {} s sin respuesta", limit.as_secs())
    } else {
        format!("{:?}", error.kind())
    }
}
