//! Las pruebas de 02_03_7_teclado: el teclado es una tubería, y las pruebas son el servidor.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod given;

use std::fs::File;
use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use ejercicio::chat;
use ejercicios::prelude::*;
use given::End;
use harness::{eventually, frame};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::SockRef;

/// Bytes que ha de pedir, por lo menos, quien lee del teclado.
const SHORT: usize = 512;

ejercicios::tests! {
    cada_línea_sale_en_un_marco,
    del_teclado_se_leen_muchos_bytes_de_una_vez,
    cada_mensaje_se_muestra,
    de_tres_líneas_que_llegan_juntas_salen_tres,
    media_línea_espera_a_su_resto,
    una_línea_vacía_no_se_envía,
    lo_que_no_es_utf_8_sale_con_su_marca,
    medio_marco_no_detiene_al_teclado,
    los_dos_a_la_vez,
    al_acabarse_el_teclado_sale_la_última_línea_y_se_sigue_oyendo,
    con_el_teclado_acabado_duerme,
    sin_nada_que_hacer_duerme,
    el_servidor_puede_cerrar_mientras_tecleamos,
    el_servidor_puede_cerrar_antes_de_que_salga_lo_último,
    lo_que_no_es_un_marco_es_un_error,
    una_conexión_que_se_corta_es_un_error,
    un_archivo_entero_sale_al_ritmo_de_la_red,
}

fn cada_línea_sale_en_un_marco() -> Outcome {
    Scene::start()?.plays(|scene| {
        scene.types("hola\n")?;
        scene.server.hears("hola")?;
        scene.types("¿qué tal?\n")?;
        scene.server.hears("¿qué tal?")
    })
}

fn del_teclado_se_leen_muchos_bytes_de_una_vez() -> Outcome {
    Scene::start()?.plays(|scene| {
        scene.types("hola\n")?;
        scene.server.hears("hola")?;
        let asked = scene.asked.load(Ordering::SeqCst);
        ensure(asked >= SHORT, || {
            format!(
                "Del teclado, tu código pide {} cada vez, como mucho. Con un `select` para tan \
                 pocos, un archivo enorme tardaría una eternidad: lee con un búfer de 4096 bytes, por \
                 ejemplo.",
                if asked == 1 { "1 byte".to_owned() } else { format!("{asked} bytes") }
            )
        })
    })
}

fn cada_mensaje_se_muestra() -> Outcome {
    Scene::start()?.plays(|scene| {
        scene.server.says("hola")?;
        scene.shows("hola\n")?;
        scene.server.sends([frame::encode("¿qué tal?"), frame::encode("adiós")].concat())?;
        scene.shows("hola\n¿qué tal?\nadiós\n").hint("en una lectura pueden llegar dos marcos")
    })
}

fn de_tres_líneas_que_llegan_juntas_salen_tres() -> Outcome {
    let why = "las tres líneas llegaron juntas del teclado. Un búfer intermedio, como el de \
               `BufReader`, las lee todas, entrega una y guarda las demás donde `select` no puede \
               verlas";
    Scene::start()?.plays(|scene| {
        scene.types("uno\ndos\ntres\n")?;
        ["uno", "dos", "tres"].iter().try_for_each(|line| scene.server.hears(line).hint(why))
    })
}

fn media_línea_espera_a_su_resto() -> Outcome {
    let why = "la línea llegó del teclado en dos trozos, con la «ñ» partida por la mitad: júntalos \
               antes de interpretarlos, y envía la línea cuando esté entera";
    Scene::start()?.plays(|scene| {
        let (start, rest) = "un año\nfin".as_bytes().split_at(5);
        scene.types(start)?;
        scene.has_read_the_keyboard()?;
        scene.types(rest)?;
        scene.server.hears("un año").hint(why)?;
        scene.types("al\n")?;
        scene.server.hears("final").hint(why)
    })
}

fn una_línea_vacía_no_se_envía() -> Outcome {
    let why = "llegaron juntas dos líneas con texto y tres vacías: salen las dos, y las vacías no";
    Scene::start()?.plays(|scene| {
        scene.types("\nhola\n\n\nadiós\n")?;
        scene.server.hears("hola").hint(why)?;
        scene.server.hears("adiós").hint(why)
    })
}

fn lo_que_no_es_utf_8_sale_con_su_marca() -> Outcome {
    Scene::start()?.plays(|scene| {
        scene.types(b"a\xFFb\n")?;
        let why = "el texto de un marco es UTF-8: lo que no lo sea se cambia por \u{FFFD}";
        scene.server.hears("a\u{FFFD}b").hint(why)
    })
}

fn medio_marco_no_detiene_al_teclado() -> Outcome {
    let why = "del servidor solo había llegado medio marco: no se puede esperar ahí al resto, con \
               el teclado desatendido";
    Scene::start()?.plays(|scene| {
        let bytes = frame::encode("por fin");
        scene.server.sends(&bytes[..7])?;
        scene.types("sigo aquí\n")?;
        scene.server.hears("sigo aquí").hint(why)?;
        scene.server.sends(&bytes[7..])?;
        scene.shows("por fin\n").hint("el marco llegó en dos segmentos")
    })
}

fn los_dos_a_la_vez() -> Outcome {
    let why = "cuando empezaste, el teclado y el socket estaban listos los dos: hay que atender a \
               ambos";
    Scene::start_after(|keyboard, server| {
        keyboard.write_all(b"uno\ndos\n")?;
        server.says("tres")?;
        server.says("cuatro")
    })?
    .plays(|scene| {
        scene.shows("tres\ncuatro\n").hint(why)?;
        scene.server.hears("uno").hint(why)?;
        scene.server.hears("dos").hint(why)
    })
}

fn al_acabarse_el_teclado_sale_la_última_línea_y_se_sigue_oyendo() -> Outcome {
    let mut scene = Scene::start()?;
    scene.plays(|scene| {
        scene.types("hola\nadiós")?;
        scene.ends_typing();
        let why = "el teclado se acabó sin un último salto de línea: la última es como las demás, \
                   y ha de salir antes de que cierres tu lado";
        scene.server.hears("hola").hint(why)?;
        scene.server.hears("adiós").hint(why)?;
        scene.server.hears_the_end().hint(
            "cuando el teclado se acaba y ya salió todo, se cierra nuestro lado \
             (`shutdown(Shutdown::Write)`): así sabe el servidor que no diremos más",
        )?;
        let why = "con el teclado acabado, todavía puede llegar algo del servidor, y hay que \
                   mostrarlo: se cierra solo nuestro lado, y se termina cuando cierre el suyo";
        let said = scene.server.says("¡espera!").and_then(|()| scene.server.says("una cosa más"));
        said.hint(why)?;
        scene.shows("¡espera!\nuna cosa más\n").hint(why)?;
        scene.server.closes()
    })?;
    scene.finishes(End::Ours)
}

fn con_el_teclado_acabado_duerme() -> Outcome {
    let mut scene = Scene::start()?;
    scene.plays(|scene| {
        scene.types("hola\n")?;
        scene.ends_typing();
        scene.server.hears("hola")?;
        scene.server.hears_the_end().hint(
            "detrás del último salto de línea no había nada: se cierra nuestro lado sin enviar más",
        )?;
        scene.sleeps(
            "El teclado se había acabado y el servidor callaba",
            "Un teclado que se acabó está listo para leer siempre: `read` da cero al instante, una \
             y otra vez. Deja de vigilarlo.",
        )?;
        scene.server.closes()
    })?;
    scene.finishes(End::Ours)
}

fn sin_nada_que_hacer_duerme() -> Outcome {
    Scene::start()?.plays(|scene| {
        scene.types("hola\nmedia lín")?;
        scene.server.hears("hola")?;
        scene.server.sends(&frame::encode("medio marco")[..6])?;
        scene.sleeps(
            "Nadie decía nada",
            "¿A quién vigilas que siempre está listo? El socket admite escritura casi siempre: solo \
             se pregunta si queda algo por escribir.",
        )
    })
}

fn el_servidor_puede_cerrar_mientras_tecleamos() -> Outcome {
    let mut scene = Scene::start()?;
    scene.plays(|scene| {
        scene.types("hola\nsolo media lín")?;
        scene.server.hears("hola")?;
        scene.server.says("se cierra")?;
        scene.server.closes()
    })?;
    let screen = scene.screen.clone();
    scene.finishes(End::Theirs)?;
    screen.shows("se cierra\n").hint("el mensaje llegó justo antes de que el servidor cerrara")
}

fn el_servidor_puede_cerrar_antes_de_que_salga_lo_último() -> Outcome {
    // La última línea solo sale con el teclado acabado. En el núcleo no cabe: cuando llega su
    // principio, lo demás está en la cola.
    let mut scene = Scene::start_with(4 * 1024, |_, _| Ok(()))?;
    scene.plays(|scene| {
        scene.types("x".repeat(60_000))?;
        scene.ends_typing();
        scene.server.hears_something()?;
        scene.server.closes_its_side()
    })?;
    scene.finishes(End::Theirs).hint(
        "el teclado se había acabado, y en la cola quedaba parte de la última línea: nuestro lado aún \
         no estaba cerrado",
    )
}

fn lo_que_no_es_un_marco_es_un_error() -> Outcome {
    let mut scene = Scene::start()?;
    scene.plays(|scene| scene.server.sends([0xFF; 4]))?;
    scene.fails_with(ErrorKind::InvalidData, "Del servidor llegó algo que no es un marco")
}

fn una_conexión_que_se_corta_es_un_error() -> Outcome {
    let mut scene = Scene::start()?;
    scene.plays(|scene| {
        scene.types("hola\n")?;
        scene.server.hears("hola")?;
        scene.server.resets()
    })?;
    scene.fails_with(ErrorKind::ConnectionReset, "La conexión se cortó")
}

fn un_archivo_entero_sale_al_ritmo_de_la_red() -> Outcome {
    let mut scene = Scene::start()?;
    // Líneas largas: con una sola en la cola, ya no cabe en los búferes del núcleo.
    let lines: Vec<String> = (0..17).map(|number| format!("{number:>60000}")).collect();
    let file = lines.join("\n");
    let Some(mut keyboard) = scene.keyboard.take() else { return Ok(()) };
    // Si se queda a medias, es que nadie lo lee, y lo dirán los demás.
    let _writer = thread::spawn(move || keyboard.write_all(file.as_bytes()));
    scene.plays(|scene| {
        ensure(scene.chat.settles(LIMIT), || {
            "El teclado daba un archivo de 1 MB y el servidor no leía nada: cuando no cupiera más, había \
             que dormir en `select`, y tu código no duerme."
        })?;
        scene.server.says("¿sigues ahí?")?;
        scene.shows("¿sigues ahí?\n").hint(
            "el servidor aún no leía nada de un archivo de 1 MB: lo que no cabe en el núcleo espera \
             en la cola, el teclado espera a que la cola se vacíe, y al servidor se le sigue oyendo",
        )?;
        for line in &lines {
            scene.server.hears(line).hint(
                "el teclado daba un archivo de 1 MB, y el servidor tardó en empezar a leer. Ha de \
                 llegarle entero, línea a línea",
            )?;
        }
        scene.server.hears_the_end().hint("tras la última línea, se cierra nuestro lado")?;
        scene.server.closes()
    })?;
    scene.finishes(End::Ours)
}

fn ejecutar() -> Outcome {
    by_hand_calling(|stream| {
        // El descriptor 0, sin el búfer que `io::stdin()` pone delante.
        let keyboard = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        let how = match chat(keyboard, stream, io::stdout())? {
            End::Ours => "(Nos despedimos.)",
            End::Theirs => "(El servidor cerró.)",
        };
        writeln!(io::stdout(), "{how}")
    })
}

follow!(|hands| {
    hands.serve("cargo run --bin aplic_02_03 -- --name servidor")?;
    let ana = hands.open("cargo run --bin aplic_02_03 -- --name ana")?;
    ana.shows("Estás en el chat")?;
    let beto = hands.open("cargo curso ejecutar")?;
    beto.types("NAME: beto\n");
    beto.shows("CLIENT: 127.0.0.1\n")?;
    beto.types("¿qué tal?\n");
    ana.shows("#[beto@127.0.0.1]>> ¿qué tal?")?;
    let (goodbye, _) = beto.ends()?;
    ensure(goodbye.contains("(Nos despedimos.)"), || goodbye)?;
    hands.run("printf")?;
    ["uno", "dos", "tres"]
        .iter()
        .try_for_each(|line| ana.shows(&format!("#[eva@127.0.0.1]>> {line}")))
});

/// Un teclado, un servidor, una pantalla y, entre ellos, `chat`.
struct Scene {
    keyboard: Option<PipeWriter>,
    /// El mismo teclado, para ver si queda algo sin leer.
    unread: PipeReader,
    /// Los bytes que más se le han pedido de una vez.
    asked: Arc<AtomicUsize>,
    server: Server,
    screen: Screen,
    chat: Task<io::Result<End>>,
}

impl Scene {
    fn start() -> Result<Scene, Failure> {
        Scene::start_after(|_, _| Ok(()))
    }

    /// Pone en marcha `chat` después de `before`.
    fn start_after(
        before: impl FnOnce(&mut PipeWriter, &mut Server) -> Outcome,
    ) -> Result<Scene, Failure> {
        // Búferes pequeños: que se note pronto si el servidor no lee.
        Scene::start_with(16 * 1024, before)
    }

    /// Lo mismo, con búferes de ese tamaño en el núcleo.
    fn start_with(
        buffers: usize,
        before: impl FnOnce(&mut PipeWriter, &mut Server) -> Outcome,
    ) -> Result<Scene, Failure> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        // El aceptado hereda el suyo.
        SockRef::from(&listener).set_recv_buffer_size(buffers)?;
        let socket = TcpStream::connect(listener.local_addr()?)?;
        SockRef::from(&socket).set_send_buffer_size(buffers)?;
        let mut server = Server::new(listener.accept()?.0)?;
        let (reader, mut keyboard) = io::pipe()?;
        let unread = reader.try_clone()?;
        before(&mut keyboard, &mut server)?;
        let screen = Screen::default();
        let own = screen.clone();
        let asked = Arc::new(AtomicUsize::new(0));
        let keys = Keyboard { pipe: reader, asked: Arc::clone(&asked) };
        let chat = Task::start("la conversación", move || chat(keys, socket, own))?;
        Ok(Scene { keyboard: Some(keyboard), unread, asked, server, screen, chat })
    }

    /// Sigue el guion; si algo va mal, cuenta también qué hacía `chat`.
    fn plays(&mut self, script: impl FnOnce(&mut Scene) -> Outcome) -> Outcome {
        let played = script(self);
        self.chat.explain_what_it_does(played)
    }

    fn types(&mut self, text: impl AsRef<[u8]>) -> Outcome {
        let keyboard = self.keyboard.as_mut();
        Ok(keyboard.map_or(Ok(()), |keyboard| keyboard.write_all(text.as_ref()))?)
    }

    /// Espera a que `chat` haya leído lo tecleado.
    fn has_read_the_keyboard(&self) -> Outcome {
        eventually("tu código leyera lo que había en el teclado", LIMIT, || {
            let mut watched = [PollFd::new(self.unread.as_fd(), PollFlags::POLLIN)];
            poll(&mut watched, PollTimeout::ZERO) == Ok(0)
        })
    }

    /// Ctrl-D.
    fn ends_typing(&mut self) {
        self.keyboard = None;
    }

    fn shows(&self, text: &str) -> Outcome {
        self.screen.shows(text)
    }

    /// Comprueba que duerme mientras nadie hace nada. Si gira, `why` dice en qué pensar.
    fn sleeps(&self, when: &str, why: &str) -> Outcome {
        self.chat.sleeps_soundly(
            when,
            why,
            "Mirar cada poco si hay algo gasta procesador y hace esperar: solo duermes en `select`, y \
             sin plazo. El núcleo te despierta en cuanto haya algo.",
        )
    }

    /// Espera a que `chat` termine, y mira cómo.
    fn finishes(self, expected: End) -> Outcome {
        let outcome = self.chat.finish(LIMIT)?;
        let end = outcome.map_err(|error| {
            Failure::new(format!(
                "La conversación terminó como debía, y `chat` devolvió un error: {}.",
                shown(&error)
            ))
        })?;
        ensure_equal("lo que devuelve `chat` cuando el servidor cierra", &expected, &end)
    }

    /// Espera a que `chat` termine con un error de esa clase.
    fn fails_with(self, expected: ErrorKind, when: &str) -> Outcome {
        let outcome = self.chat.finish(LIMIT)?;
        ensure(outcome.as_ref().is_err_and(|error| error.kind() == expected), || {
            format!(
                "{when}, y `chat` devolvió {}: debía ser un error de la clase {expected:?}.",
                shown(&outcome)
            )
        })
    }
}

/// Una tubería que apunta cuánto se le pide.
struct Keyboard {
    pipe: PipeReader,
    asked: Arc<AtomicUsize>,
}

impl Read for Keyboard {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.asked.fetch_max(buffer.len(), Ordering::SeqCst);
        self.pipe.read(buffer)
    }
}

impl AsFd for Keyboard {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// El otro lado del socket.
struct Server {
    stream: TcpStream,
    received: Vec<u8>,
}

/// Lo que llega al servidor.
enum Arrival {
    Frame(String),
    End,
    Nothing,
}

impl Server {
    fn new(stream: TcpStream) -> io::Result<Server> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        Ok(Server { stream, received: Vec::new() })
    }

    fn says(&mut self, text: &str) -> Outcome {
        self.sends(frame::encode(text))
    }

    fn sends(&mut self, bytes: impl AsRef<[u8]>) -> Outcome {
        self.stream.write_all(bytes.as_ref()).map_err(|_| {
            Failure::new("El servidor quiso decir algo, y tu código ya había cerrado la conexión.")
        })
    }

    fn closes(&mut self) -> Outcome {
        Ok(self.stream.shutdown(Shutdown::Both)?)
    }

    /// No dirá más, y no ha leído nada.
    fn closes_its_side(&mut self) -> Outcome {
        Ok(self.stream.shutdown(Shutdown::Write)?)
    }

    /// Espera a que haya algo por leer, y no lo lee.
    fn hears_something(&mut self) -> Outcome {
        let count = self.stream.peek(&mut [0]).unwrap_or(0);
        ensure(count > 0, || "Al servidor no le llegó ni el principio de la última línea.")
    }

    /// Corta la conexión, sin despedirse (RST).
    fn resets(&mut self) -> Outcome {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO))?;
        // Al soltar el socket de verdad, sale el reinicio: en su lugar queda otro cualquiera.
        self.stream = TcpStream::connect(TcpListener::bind("127.0.0.1:0")?.local_addr()?)?;
        Ok(())
    }

    /// Espera un marco con ese texto.
    fn hears(&mut self, expected: &str) -> Outcome {
        let got = match self.next()? {
            Arrival::Frame(text) if text == expected => return Ok(()),
            Arrival::Frame(text) => format!("le llegó «{}»", start(&text)),
            Arrival::End => "tu código cerró".to_owned(),
            Arrival::Nothing => format!("en {} s no le llegó nada", LIMIT.as_secs()),
        };
        let expected = start(expected);
        Err(Failure::new(format!("El servidor esperaba «{expected}», y {got}.")))
    }

    fn hears_the_end(&mut self) -> Outcome {
        let got = match self.next()? {
            Arrival::End => return Ok(()),
            Arrival::Frame(text) => format!("le llegó «{}»", start(&text)),
            Arrival::Nothing => format!("en {} s no ocurrió", LIMIT.as_secs()),
        };
        Err(Failure::new(format!("El servidor esperaba que cerraras tu lado, y {got}.")))
    }

    fn next(&mut self) -> Result<Arrival, Failure> {
        loop {
            match multiplexacion::frame::decode(&self.received) {
                Ok(Some((text, used))) => {
                    let text = text.to_owned();
                    self.received.drain(..used);
                    return Ok(Arrival::Frame(text));
                }
                Ok(None) => {}
                Err(why) => {
                    let headline = format!("Al servidor le llegó algo que no es un marco: {why}.");
                    return Err(Failure::new(headline));
                }
            }
            let mut buffer = [0; 4096];
            match self.stream.read(&mut buffer) {
                Ok(0) if !self.received.is_empty() => {
                    return Err(Failure::new(
                        "Al servidor le llegó medio marco y, detrás, el final.",
                    ));
                }
                Ok(0) => return Ok(Arrival::End),
                Ok(count) => self.received.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Arrival::Nothing),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Ok(Arrival::End);
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Guarda lo que se escribe en ella.
#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Screen {
    /// Espera a que en la pantalla esté ese texto, y nada más.
    fn shows(&self, text: &str) -> Outcome {
        if eventually("", LIMIT, || self.text() == text).is_ok() {
            return Ok(());
        }
        Err(Failure::new("En la pantalla no está lo que dijo el servidor.").section(
            "Diferencia",
            [format!("se esperaba  {text:?}"), format!("hay          {:?}", self.text())],
        ))
    }

    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// El principio de un texto, que en una línea larga es bastante.
fn start(text: &str) -> String {
    let text = text.trim_start();
    let short: String = text.chars().take(40).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}
