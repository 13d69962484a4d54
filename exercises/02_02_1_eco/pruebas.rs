//! Las pruebas de 02_02_1_eco: con un socket de verdad y con uno de mentira, más terco.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;

use ejercicio::echo;
use ejercicios::{LIMIT, Outcome, Task, by_hand, ensure, ensure_equal, follow, within};
use harness::{Conversation, Failure, Peer, numbered_lines};

#[test]
fn responde_en_cuanto_llega_algo_y_sigue_hasta_el_final() -> Outcome {
    with_client(|client| {
        for piece in ["ho", "la", "¿sigues ahí?\n"] {
            client.send(piece)?;
            client.expect(piece)?;
        }
        client.half_close()
    })
}

#[test]
fn devuelve_bytes_sean_texto_o_no() -> Outcome {
    let every_byte: Vec<u8> = (0..=255).collect();
    with_client(|client| {
        client.send(&every_byte)?;
        client.expect(&every_byte)?;
        client.half_close()
    })
}

#[test]
fn un_mensaje_mayor_que_los_búferes_vuelve_entero() -> Outcome {
    let message = numbered_lines(4 << 20);
    with_client(|client| {
        let sending = client.send_meanwhile(message.as_slice())?;
        client.expect(&message)?;
        sending.finish()?;
        client.half_close()
    })
}

#[test]
fn repite_la_escritura_que_se_queda_corta() -> Outcome {
    let (outcome, stream) = echo_on(Stubborn::saying(&[b"hola, ", b"mundo"]))?;
    let written = String::from_utf8_lossy(&stream.written).into_owned();
    ensure_equal("lo escrito si cada `write` acepta 3 bytes", &"hola, mundo".to_owned(), &written)?;
    ensure(outcome.is_ok(), || format!("Debía terminar bien, y devolvió {outcome:?}."))
}

#[test]
fn dice_cuántos_bytes_devolvió() -> Outcome {
    let (outcome, _) = echo_on(Stubborn::saying(&[b"hola, ", b"mundo"]))?;
    ensure_equal("lo que devuelve tu función tras 11 bytes", &Some(11), &outcome.ok())
}

#[test]
fn una_señal_no_es_el_final() -> Outcome {
    let (outcome, stream) = echo_on(Stubborn::saying(&[b"ho", b"la"]).interrupted())?;
    ensure(outcome.is_ok() && stream.written == b"hola", || {
        format!(
            "`read` y `write` fueron interrumpidas por una señal (ErrorKind::Interrupted), y tu \
             función devolvió {outcome:?}. No pasó nada malo: hay que repetir la llamada."
        )
    })
}

#[test]
fn un_error_de_verdad_se_devuelve() -> Outcome {
    let (outcome, _) = echo_on(Stubborn::saying(&[b"hola"]).then_reset())?;
    let kind = outcome.err().map(|error| error.kind());
    ensure_equal(
        "el error, si el otro lado corta la conexión",
        &Some(ErrorKind::ConnectionReset),
        &kind,
    )
}

by_hand!(|listener| {
    loop {
        echo(&mut listener.accept()?.0)?;
    }
});

follow!(|hands| {
    hands.serve("cargo curso ejecutar")?;
    let said = "hola\n¿sigues ahí?\n";
    ensure_equal("lo que devuelve el eco", &said, &hands.run_typing("nc -N", said)?.as_str())
});

/// Pone a `echo` a atender a un cliente, sigue el guion y comprueba que los dos terminan.
fn with_client(script: impl FnOnce(&mut Peer) -> Outcome) -> Outcome {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let conversation = Conversation::with(listener.local_addr()?).limit(LIMIT);
    let mut client = conversation.peer("cliente")?;
    let (mut stream, _) = listener.accept()?;
    let echoing = Task::start("el eco con un cliente", move || echo(&mut stream))?;
    let followed = script(&mut client).and_then(|()| client.expect_end());
    followed.map_err(|failure| echoing.explain_what_it_does(failure))?;
    echoing.finish(LIMIT)?.map_err(|error| Failure::new(format!("El eco devolvió {error:?}.")))?;
    Ok(())
}

fn echo_on(mut stream: Stubborn) -> Result<(io::Result<u64>, Stubborn), Failure> {
    within(LIMIT, "el eco con un socket que acepta 3 bytes cada vez", move || {
        (echo(&mut stream), stream)
    })
}

/// Un socket que hace todo lo que read(2) y write(2) permiten: leer en trozos, escribir a medias
/// e interrumpirse.
struct Stubborn {
    pieces: VecDeque<&'static [u8]>,
    written: Vec<u8>,
    interrupts: bool,
    interrupted: bool,
    resets: bool,
}

impl Stubborn {
    fn saying(pieces: &[&'static [u8]]) -> Stubborn {
        Stubborn {
            pieces: pieces.iter().copied().collect(),
            written: Vec::new(),
            interrupts: false,
            interrupted: false,
            resets: false,
        }
    }

    /// Una de cada dos llamadas, interrumpida.
    fn interrupted(self) -> Stubborn {
        Stubborn { interrupts: true, ..self }
    }

    fn then_reset(self) -> Stubborn {
        Stubborn { resets: true, ..self }
    }

    fn interrupt(&mut self) -> io::Result<()> {
        self.interrupted = self.interrupts && !self.interrupted;
        if self.interrupted { Err(ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}

impl Read for Stubborn {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt()?;
        match self.pieces.pop_front() {
            Some(piece) => {
                let count = piece.len().min(buffer.len());
                buffer[..count].copy_from_slice(&piece[..count]);
                if count < piece.len() {
                    self.pieces.push_front(&piece[count..]);
                }
                Ok(count)
            }
            None if self.resets => Err(ErrorKind::ConnectionReset.into()),
            None => Ok(0),
        }
    }
}

impl Write for Stubborn {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.interrupt()?;
        let count = bytes.len().min(3);
        self.written.extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
