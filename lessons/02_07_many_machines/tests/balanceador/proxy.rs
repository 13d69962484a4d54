//! De quién es cada conexión, y de quién no se cree.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use harness::{Conversation, Failure, Program, Server, chat, frame};
use socket2::{Domain, Protocol, Socket, Type};

use crate::house::House;
use crate::{LIMIT, Outcome};

/// Alguien que se conecta desde otra de las direcciones de esta máquina.
struct Caller {
    stream: TcpStream,
}

impl Caller {
    fn from(last: u8, to: SocketAddr) -> Result<Caller, Failure> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP))?;
        let here = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
        socket.bind(&SocketAddr::from((here, 0)).into())?;
        socket.connect_timeout(&to.into(), LIMIT)?;
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        Ok(Caller { stream })
    }

    fn send(&mut self, bytes: &[u8]) -> Outcome {
        Ok(self.stream.write_all(bytes)?)
    }

    /// El marco siguiente; `None` si cierra.
    fn hear(&mut self) -> Result<Option<String>, Failure> {
        Ok(frame::read(&self.stream)?)
    }
}

/// Uno que solo cree al balanceador de 127.0.0.2.
fn behind_a_balancer() -> Result<Server, Failure> {
    Program::new(env!("CARGO_BIN_EXE_aplic_02_07"))
        .args(["--name", "servidor", "--port", "0", "--proxy", "127.0.0.2"])
        .args(["--login-timeout", "1"])
        .start()
}

/// Lo que el balanceador dice de quien está en 192.0.2.7: las direcciones de los ejemplos (RFC 5737).
fn header() -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    header.extend([192, 0, 2, 7, 127, 0, 0, 1, 0x30, 0x39, 0x22, 0x60]);
    header
}

fn name(name: &str) -> Vec<u8> {
    frame::encode(format!("NAME: {name}"))
}

#[test]
fn cada_cual_es_de_donde_viene_y_no_del_balanceador() -> Outcome {
    let Some(house) = House::open(2)? else { return Ok(()) };
    let mut ana = house.member(1, "ana")?;
    let mut beto = Caller::from(9, house.entrance())?;
    beto.send(&name("beto"))?;
    assert_eq!(beto.hear()?.as_deref(), Some("CLIENT: 127.0.0.9"));
    ana.expect_frame("(Conectado: nuevo cliente (2) desde beto@127.0.0.9)")?;
    beto.send(&frame::encode("hola"))?;
    ana.expect_frame("#[beto@127.0.0.9]>> hola")
}

#[test]
fn la_cabecera_puede_llegar_byte_a_byte_o_con_lo_que_sigue() -> Outcome {
    let server = behind_a_balancer()?;
    let mut slow = Caller::from(2, server.address())?;
    for byte in header() {
        slow.send(&[byte])?;
    }
    slow.send(&name("ana"))?;
    assert_eq!(slow.hear()?.as_deref(), Some("CLIENT: 192.0.2.7"));
    let mut hasty = Caller::from(2, server.address())?;
    hasty.send(&[header(), name("beto"), frame::encode("hola")].concat())?;
    assert_eq!(hasty.hear()?.as_deref(), Some("CLIENT: 192.0.2.7"));
    assert_eq!(
        slow.hear()?.as_deref(),
        Some("(Conectado: nuevo cliente (2) desde beto@192.0.2.7)")
    );
    assert_eq!(slow.hear()?.as_deref(), Some("#[beto@192.0.2.7]>> hola"));
    let mut old = Caller::from(2, server.address())?;
    let first = b"PROXY TCP6 2001:db8::7 2001:db8::1 12345 8800\r\n".to_vec();
    old.send(&[first, name("carla")].concat())?;
    assert_eq!(old.hear()?.as_deref(), Some("CLIENT: 2001:db8::7"));
    Ok(())
}

#[test]
fn a_quien_no_viene_del_balanceador_no_se_le_cree() -> Outcome {
    let server = behind_a_balancer()?;
    let mut liar = Caller::from(1, server.address())?;
    liar.send(&[header(), name("ana")].concat())?;
    let refusal = "ERROR: a este servidor solo se entra por el balanceador";
    assert_eq!(liar.hear()?.as_deref(), Some(refusal));
    assert_eq!(liar.hear()?, None);
    Ok(())
}

#[test]
fn sin_proxy_una_cabecera_no_es_un_mensaje() -> Outcome {
    let server = crate::common::server().start()?;
    let mut liar = Caller::from(2, server.address())?;
    liar.send(&[header(), name("ana")].concat())?;
    let answer = liar.hear()?.unwrap_or_default();
    assert!(answer.starts_with("ERROR: "), "{answer}");
    // Y el servidor sigue.
    let _ana = chat::join(&Conversation::in_frames(server.address()), "ana")?;
    Ok(())
}

#[test]
fn a_una_cabecera_que_no_lo_es_o_no_acaba_se_le_dice_por_qué() -> Outcome {
    let server = behind_a_balancer()?;
    let cases: [(&[u8], &str); 4] = [
        (b"GET / HTTP/1.1\r\n\r\n", "lo primero no es una cabecera PROXY"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", "la cabecera PROXY es demasiado larga"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", "no dijiste tu nombre a tiempo"),
        (b"", "no dijiste tu nombre a tiempo"),
    ];
    for (bytes, why) in cases {
        let mut caller = Caller::from(2, server.address())?;
        caller.send(bytes)?;
        assert_eq!(caller.hear()?, Some(format!("ERROR: {why}")));
        assert_eq!(caller.hear()?, None);
    }
    Ok(())
}

/// El balanceador pregunta cada medio segundo si vive, y nadie se entera.
#[test]
fn las_comprobaciones_no_se_ven() -> Outcome {
    let server = behind_a_balancer()?;
    let mut ana = Caller::from(2, server.address())?;
    ana.send(&[header(), name("ana")].concat())?;
    assert_eq!(ana.hear()?.as_deref(), Some("CLIENT: 192.0.2.7"));
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    drop(Caller::from(2, server.address())?);
    Caller::from(2, server.address())?.send(local)?;
    let mut check = Caller::from(2, server.address())?;
    check.send(&[local.as_slice(), &name("")].concat())?;
    assert_eq!(check.hear()?.as_deref(), Some("ERROR: el nombre está vacío"));
    drop(check);
    ana.stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    assert!(ana.hear().is_err(), "ana no debía oír nada");
    assert_eq!(server.stderr(), "");
    Ok(())
}
