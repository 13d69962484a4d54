//! Las pruebas de 02_04_9_archivos: rutas, una carpeta de verdad, un socket de mentira al que le
//! cabe lo que se le diga y, al final, el servidor entero.

#[cfg_attr(feature = "soluciones", path = "solucion.rs")]
#[cfg_attr(not(feature = "soluciones"), allow(dead_code, missing_docs, unused_imports))]
#[cfg_attr(not(feature = "soluciones"), allow(unused_variables, clippy::all, clippy::pedantic))]
pub mod ejercicio;

pub mod found;
pub mod server;
pub mod step;

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ejercicio::{Sending, open, relative_path};
use ejercicios::fake::Sink;
use ejercicios::fake::Space::{self, Fits, Refuses};
use ejercicios::prelude::*;
use found::{BAD_REQUEST, Found, NOT_FOUND};
use harness::{Response, numbered_lines};
use multiplexacion::http::Status;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, openat2};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use server::serve;
use step::{CHUNK, Step};
use tempfile::TempDir;

/// Lo que ningún cliente debe leer: está fuera de la carpeta que se sirve.
const SECRET: &str = "esto no se sirve\n";

/// Lo que se concede a una función que no espera a nadie.
const SOON: Duration = Duration::from_secs(2);

/// Al socket no le cabe nada.
const NO_ROOM: Space = Refuses(ErrorKind::WouldBlock);

/// Un archivo que no cabe en ningún búfer.
const LARGE: usize = 2 << 20;

ejercicios::tests! {
    una_ruta_corriente,
    la_consulta_no_cuenta,
    se_descifra_una_sola_vez,
    un_byte_es_un_byte_aunque_no_sea_texto,
    lo_mal_cifrado_se_rechaza,
    las_barras_de_más_sobran,
    lo_que_empieza_por_punto_no_se_sirve,
    tampoco_con_los_puntos_disfrazados,
    una_barra_disfrazada_no_separa,
    abre_un_archivo_y_dice_lo_que_mide,
    de_una_carpeta_se_abre_su_índice,
    lo_que_no_existe_es_404,
    solo_archivos_corrientes,
    un_enlace_que_se_queda_dentro_vale,
    la_propia_carpeta_puede_ser_un_enlace,
    nada_sale_de_la_carpeta,
    envía_la_cabecera_y_después_el_cuerpo,
    un_trozo_y_una_escritura_por_aviso,
    lo_que_no_cabe_espera,
    mientras_no_cabe_no_se_lee_más,
    si_el_archivo_crece_se_envía_lo_prometido,
    si_el_archivo_encoge_no_se_puede_terminar,
    los_errores_se_distinguen,
    sirve_archivos_con_su_tipo_y_su_longitud,
    a_head_le_basta_la_cabecera,
    cada_negativa_tiene_su_código,
    nadie_lee_el_secreto,
    uno_grande_no_hace_esperar_a_los_demás,
    si_se_borra_mientras_se_envía_llega_entero,
}

fn una_ruta_corriente() -> Outcome {
    asks("/index.html", Ok("index.html"))?;
    asks("/apuntes/epoll.html", Ok("apuntes/epoll.html"))?;
    asks("/", Ok(""))?;
    asks("/a.b.c/d..e", Ok("a.b.c/d..e"))
}

fn la_consulta_no_cuenta() -> Outcome {
    asks("/a.html?orden=/../b&x=%zz", Ok("a.html"))?;
    asks("/?", Ok(""))
}

fn se_descifra_una_sola_vez() -> Outcome {
    asks("/hola%20mundo.txt", Ok("hola mundo.txt"))?;
    asks("/ma%C3%b1ana.txt", Ok("mañana.txt"))?;
    asks("/a%3Fb", Ok("a?b"))?;
    for (target, expected) in [("/100%25", "100%"), ("/x%2541", "x%41")] {
        asks(target, Ok(expected))
            .hint("«%25» es un «%»: lo que sale ya no se vuelve a descifrar")?;
    }
    Ok(())
}

fn un_byte_es_un_byte_aunque_no_sea_texto() -> Outcome {
    let path = within(SOON, "traducir un destino", || relative_path("/%ff%41"))?;
    ensure(path.as_deref() == Ok(Path::new(OsStr::from_bytes(b"\xffA"))), || {
        let path = path.map(|path| path.as_os_str().as_bytes().escape_ascii().to_string());
        format!(
            "`relative_path` de «/%ff%41» debía dar una ruta con dos bytes, «\\xffA», y dio {}. El \
             nombre de un archivo son bytes, y pueden no ser UTF-8: de ellos se hace un `OsStr`.",
            match path {
                Ok(path) => format!("«{path}»"),
                Err(status) => format!("{} {}", status.code, status.phrase),
            }
        )
    })
}

fn lo_mal_cifrado_se_rechaza() -> Outcome {
    for target in ["/%", "/a%4", "/%zz", "/a%2/b", "/%+1"] {
        asks(target, Err(BAD_REQUEST))
            .hint("a un «%» le siguen dos cifras hexadecimales, en el mismo segmento")?;
    }
    Ok(())
}

fn las_barras_de_más_sobran() -> Outcome {
    for (target, expected) in [("//a///b/", "a/b"), ("///", ""), ("//etc/passwd", "etc/passwd")] {
        asks(target, Ok(expected)).hint(
            "la ruta ha de ser relativa: `join` y `push`, con una absoluta, sustituyen lo que \
             había, y la carpeta que se sirve desaparece",
        )?;
    }
    Ok(())
}

fn lo_que_empieza_por_punto_no_se_sirve() -> Outcome {
    for target in
        ["/../secreto.txt", "/a/../../secreto.txt", "/a/..", "/.", "/.git/config", "/a/.env"]
    {
        asks(target, Err(NOT_FOUND))?;
    }
    Ok(())
}

fn tampoco_con_los_puntos_disfrazados() -> Outcome {
    for target in ["/%2e%2e/secreto.txt", "/.%2E/secreto.txt", "/a/%2e%2e/%2e./x", "/%2egit/config"]
    {
        asks(target, Err(NOT_FOUND))
            .hint("«%2e» es un punto: se mira lo que queda después de descifrar")?;
    }
    Ok(())
}

fn una_barra_disfrazada_no_separa() -> Outcome {
    for target in ["/a%2fb", "/a%2F..%2F..%2Fsecreto.txt", "/%2fetc%2fpasswd", "/a%00.txt"] {
        asks(target, Err(BAD_REQUEST)).hint(
            "ningún nombre de archivo tiene una barra ni un byte cero: primero se parte por las \
             barras, y después se descifra cada segmento",
        )?;
    }
    Ok(())
}

fn abre_un_archivo_y_dice_lo_que_mide() -> Outcome {
    let site = Site::new()?;
    site.opens("hola mundo.txt", "hola\n", "txt")?;
    site.opens("apuntes/uno.md", "uno\n", "md")?;
    site.opens("vacio", "", "")
}

fn de_una_carpeta_se_abre_su_índice() -> Outcome {
    let site = Site::new()?;
    site.opens("", "<h1>índice</h1>\n", "html")?;
    site.opens("apuntes", "<h1>apuntes</h1>\n", "html")?;
    site.refuses("sin_indice", "una carpeta sin index.html")
}

fn lo_que_no_existe_es_404() -> Outcome {
    let site = Site::new()?;
    site.refuses("nada.txt", "un archivo que no existe")?;
    site.refuses("hola mundo.txt/otro", "algo dentro de lo que no es una carpeta")
}

fn solo_archivos_corrientes() -> Outcome {
    let site = Site::new()?;
    let root = site.root();
    fs::create_dir(root.join("fuente"))?;
    fs::create_dir_all(root.join("doble/index.html"))?;
    for pipe in ["tuberia", "fuente/index.html"] {
        mkfifo(&root.join(pipe), Mode::S_IRWXU).map_err(io::Error::from)?;
    }
    for (path, what) in [
        ("tuberia", "una tubería con nombre (mkfifo)"),
        ("fuente", "una carpeta cuyo index.html es una tubería con nombre (mkfifo)"),
        ("doble", "una carpeta cuyo index.html es otra carpeta"),
    ] {
        site.refuses(path, what).hint(
            "sin O_NONBLOCK, abrir una tubería espera a quien escriba en ella: un solo archivo así \
             detiene a todos los clientes. Una vez abierto lo que se va a servir, sea lo pedido o su \
             index.html, `metadata` dice si es un archivo corriente",
        )?;
    }
    Ok(())
}

fn un_enlace_que_se_queda_dentro_vale() -> Outcome {
    let site = Site::new()?;
    symlink("../hola mundo.txt", site.root().join("apuntes/enlace.txt"))?;
    symlink("apuntes", site.root().join("otra"))?;
    site.opens("apuntes/enlace.txt", "hola\n", "txt")?;
    site.opens("otra/uno.md", "uno\n", "md")
}

fn la_propia_carpeta_puede_ser_un_enlace() -> Outcome {
    let site = Site::new()?;
    let root = site.folder.join("enlace a web");
    symlink("web", &root)?;
    let found = within(SOON, "abrir un archivo", move || open(&root, Path::new("apuntes/uno.md")))?;
    ensure(found.is_ok(), || {
        "Si `root` es un enlace a la carpeta, `open` de «apuntes/uno.md» debía abrirlo. Una ruta ya \
         resuelta se compara con `root` también resuelta: si no, nada empieza por ella, y todo es \
         NOT_FOUND. Con la ruta relativa que usa `cargo curso ejecutar` pasaría lo mismo."
    })
}

fn nada_sale_de_la_carpeta() -> Outcome {
    let site = Site::new()?;
    let root = site.root();
    symlink("../secreto.txt", root.join("relativo.txt"))?;
    symlink(site.folder.join("secreto.txt"), root.join("absoluto.txt"))?;
    symlink("..", root.join("arriba"))?;
    symlink("../web-privada", root.join("vecina"))?;
    symlink("relativo.txt", root.join("dos_saltos.txt"))?;
    symlink("../../secreto.txt", root.join("sin_indice/index.html"))?;
    for (path, what) in [
        ("relativo.txt", "un enlace a ../secreto.txt"),
        ("absoluto.txt", "un enlace a la ruta absoluta de un archivo de fuera"),
        ("dos_saltos.txt", "un enlace a un enlace a ../secreto.txt"),
        ("arriba/secreto.txt", "un archivo que está tras un enlace a la carpeta de encima"),
        ("sin_indice", "una carpeta cuyo index.html es un enlace a ../../secreto.txt"),
        (
            "vecina/secreto.txt",
            "un archivo de web-privada, que empieza por las mismas letras que web",
        ),
        ("../secreto.txt", "una ruta con «..»: `open` no ha de fiarse de quien la llama"),
    ] {
        site.refuses(path, what)?;
    }
    Ok(())
}

fn envía_la_cabecera_y_después_el_cuerpo() -> Outcome {
    let mut errand = Errand::new(b"cabecera ", b"cuerpo".to_vec());
    errand.ends_in(Step::Done)?;
    errand.has_written(b"cabecera cuerpo")?;
    let mut errand = Errand::new(b"solo cabecera", Vec::new());
    errand.ends_in(Step::Done)?;
    errand.has_written(b"solo cabecera")
}

fn un_trozo_y_una_escritura_por_aviso() -> Outcome {
    // Primero, de modo que baste con una lectura y una escritura; después, de modo que quien insista
    // pueda seguir.
    one_of_each(usize::MAX, Space::default())?;
    one_of_each(20_000, Fits(10_000))
}

/// Un envío entero, con lecturas que traen `most` bytes como mucho y escrituras que admiten `room`.
fn one_of_each(most: usize, room: Space) -> Outcome {
    let body = numbered_lines(5 * CHUNK);
    let mut errand = Errand::new(b"", body.clone());
    errand.sending.body.at_most = Some(most);
    errand.socket.space = vec![room; 1000].into();
    loop {
        let before = (errand.sending.body.reads, errand.socket.writes);
        let step = errand.advance()?;
        let (reads, writes) =
            (errand.sending.body.reads - before.0, errand.socket.writes - before.1);
        ensure(errand.sending.body.most <= CHUNK, || {
            format!(
                "De un archivo de {} bytes se leyeron {} de una vez, y debían ser {CHUNK} (CHUNK), \
                 como mucho: cada cliente que descarga ocupa en memoria lo que se lee.",
                body.len(),
                errand.sending.body.most
            )
        })?;
        ensure(reads <= 1 && writes <= 1, || {
            format!(
                "Con un solo aviso, `advance` hizo {reads} lecturas del archivo y {writes} \
                 escrituras: es una de cada, como mucho. Mientras sigues con este cliente, los demás \
                 esperan; epoll volverá a avisar."
            )
        })?;
        if step != Step::Wait {
            ensure_equal("cómo termina el envío", Step::Done, step)?;
            return errand.has_written(&body);
        }
    }
}

fn lo_que_no_cabe_espera() -> Outcome {
    let body = numbered_lines(2 * CHUNK + 10);
    let mut errand = Errand::new(b"cabecera\n", body.clone());
    // Cabe poco, no cabe nada, una señal, cabe mucho: y otra vez.
    let space = [Fits(3), NO_ROOM, Fits(1000), Fits(70_000)];
    errand.socket.space = space.repeat(200).into();
    errand.ends_in(Step::Done)?;
    errand.has_written(&[&b"cabecera\n"[..], &body].concat()).hint(
        "`write` dice cuántos bytes admitió: los demás siguen en `pending`, y van delante de lo \
         que se lea después",
    )
}

fn mientras_no_cabe_no_se_lee_más() -> Outcome {
    let mut errand = Errand::new(b"cabecera", numbered_lines(100 * CHUNK));
    for _ in 0..50 {
        ensure_equal("lo que da `advance` si no cabe nada", Step::Wait, errand.advance()?)?;
    }
    errand.socket.space = vec![Fits(100); 50].into();
    for _ in 0..50 {
        errand.advance()?;
    }
    let kept = errand.sending.pending.len();
    ensure(kept <= CHUNK, || {
        format!(
            "A un cliente que casi no lee le quedan {kept} bytes por escribir en `pending`. Mientras \
             haya algo ahí no se lee más del archivo: nunca pasa de un trozo, {CHUNK} bytes."
        )
    })
}

fn si_el_archivo_crece_se_envía_lo_prometido() -> Outcome {
    let mut errand = Errand::new(b"", b"lo prometido, y lo que otro escribe luego".to_vec());
    errand.sending.left = 12;
    errand
        .ends_in(Step::Done)
        .hint("el archivo ha crecido: `read` puede traer más bytes de los que faltan (`left`)")?;
    errand
        .has_written(b"lo prometido")
        .hint("la cabecera prometió `left` bytes: los de más parecerían otra respuesta")
}

fn si_el_archivo_encoge_no_se_puede_terminar() -> Outcome {
    let mut errand = Errand::new(b"", b"la mitad".to_vec());
    errand.sending.left = 16;
    errand.ends_in(Step::Broken).hint(
        "se prometieron 16 bytes y solo hay 8: `read` dio cero. Si se espera, epoll avisa sin \
         descanso de que hay sitio; si se da por terminado, el cliente no sabe que falta algo",
    )?;
    errand.has_written(b"la mitad")
}

fn los_errores_se_distinguen() -> Outcome {
    for (kind, expected) in [
        (ErrorKind::Interrupted, Step::Wait),
        (ErrorKind::WouldBlock, Step::Wait),
        (ErrorKind::BrokenPipe, Step::Broken),
        (ErrorKind::ConnectionReset, Step::Broken),
    ] {
        let mut errand = Errand::new(b"cabecera", Vec::new());
        errand.socket.then = Refuses(kind);
        let step = errand.advance()?;
        let what = format!("lo que da `advance` si `write` falla con {kind:?}");
        ensure_equal(what, &expected, &step)?;
    }
    for (kind, expected) in [
        (ErrorKind::Interrupted, Step::Wait),
        (ErrorKind::WouldBlock, Step::Wait),
        (ErrorKind::Other, Step::Broken),
    ] {
        let mut errand = Errand::new(b"", b"cuerpo".to_vec());
        errand.sending.body.fails = Some(kind);
        let step = errand.advance()?;
        let what = format!("lo que da `advance` si `read` falla con {kind:?}");
        ensure_equal(what, &expected, &step)?;
    }
    Ok(())
}

fn sirve_archivos_con_su_tipo_y_su_longitud() -> Outcome {
    with_server(|web, _| {
        for (target, kind, body) in [
            ("/", "text/html; charset=utf-8", "<h1>índice</h1>\n"),
            ("/apuntes/", "text/html; charset=utf-8", "<h1>apuntes</h1>\n"),
            ("/estilo.CSS", "text/css; charset=utf-8", "h1 {}\n"),
            ("/hola%20mundo.txt?x=1", "text/plain; charset=utf-8", "hola\n"),
            ("/vacio", "application/octet-stream", ""),
        ] {
            let response = fetch(web, "GET", target)?;
            let got = (response.status, response.header("Content-Type"), text(&response.body));
            let what = format!("código, tipo y cuerpo de {target}");
            ensure_equal(what, (200, Some(kind), body.to_owned()), got)?;
        }
        Ok(())
    })
}

fn a_head_le_basta_la_cabecera() -> Outcome {
    with_server(|web, _| {
        let mut client = web.peer("cliente")?;
        client.send("HEAD /hola%20mundo.txt HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let response = client.expect_response_to_head()?;
        let got = (response.status, response.header("Content-Length"));
        ensure_equal("código y longitud de la respuesta a HEAD", (200, Some("5")), got)?;
        client.expect_end()
    })
}

fn cada_negativa_tiene_su_código() -> Outcome {
    with_server(|web, _| {
        for (method, target, status) in [
            ("GET", "/no-existe", 404),
            ("GET", "/sin_indice/", 404),
            ("GET", "/%zz", 400),
            ("GET", "sin-barra", 400),
            ("POST", "/", 405),
            ("INVENTADO", "/", 501),
            ("GET", "/hola%20mundo.txt", 200),
        ] {
            let response = fetch(web, method, target)?;
            ensure_equal(format!("el código de {method} {target}"), &status, &response.status)?;
        }
        Ok(())
    })
}

fn nadie_lee_el_secreto() -> Outcome {
    with_server(|web, site| {
        symlink("../secreto.txt", site.root().join("enlace.txt"))?;
        let absolute = percent_encoded(&site.folder.join("secreto.txt"));
        let disguised = absolute.replace('/', "%2f");
        for target in [
            "/../secreto.txt",
            "/apuntes/../../secreto.txt",
            "/%2e%2e/secreto.txt",
            "/..%2fsecreto.txt",
            "/apuntes%2f..%2f..%2fsecreto.txt",
            "/%252e%252e/secreto.txt",
            "/enlace.txt",
            &format!("/{absolute}"),
            &format!("/{disguised}"),
            "http://x/../secreto.txt",
        ] {
            let response = fetch(web, "GET", target)?;
            ensure(text(&response.body) != SECRET, || {
                format!("Con «GET {target}» se lee un archivo que está fuera de la carpeta.")
            })?;
            ensure(matches!(response.status, 400 | 404), || {
                format!("«GET {target}» debía ser 400 o 404, y es {}.", response.status)
            })?;
        }
        Ok(())
    })
}

fn uno_grande_no_hace_esperar_a_los_demás() -> Outcome {
    with_server(|web, site| {
        let large = numbered_lines(LARGE);
        fs::write(site.root().join("grande.txt"), &large)?;
        let mut slow = web.peer_with_receive_buffer("quien no lee", 64 * 1024)?;
        slow.send("GET /grande.txt HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let other = fetch(web, "GET", "/hola%20mundo.txt")
            .hint("mientras uno no lee, los demás esperan: ¿dónde duerme tu hilo?")?;
        ensure_equal("el código de la respuesta a otro", 200, other.status)?;
        let response = slow.expect_response()?;
        ensure(response.body == large, || {
            format!("Un archivo de {LARGE} bytes no llegó igual a quien lo leyó despacio.")
        })?;
        slow.expect_end()
    })
}

fn si_se_borra_mientras_se_envía_llega_entero() -> Outcome {
    with_server(|web, site| {
        let large = numbered_lines(LARGE);
        let path = site.root().join("grande.txt");
        fs::write(&path, &large)?;
        let mut client = web.peer_with_receive_buffer("cliente", 64 * 1024)?;
        client.send("GET /grande.txt HTTP/1.1\r\nHost: x\r\n\r\n")?;
        // Con un solo hilo, cuando este ya tiene su respuesta, lo otro ya está abierto.
        fetch(web, "GET", "/hola%20mundo.txt")?;
        fs::remove_file(&path)?;
        fs::write(&path, "otro archivo, con el mismo nombre\n")?;
        let response = client.expect_response()?;
        ensure(response.body == large, || {
            "Se borró el archivo mientras se enviaba, y no llegó entero. Sigue ahí mientras alguien \
             lo tenga abierto (unlink(2)): no hay que abrirlo otra vez."
        })?;
        client.expect_end()
    })
}

by_hand!(|listener| serve(&listener, Path::new("exercises/02_04_9_archivos/web")));

follow!(|hands| {
    let site = Site::new()?;
    let web = site.folder.join("exercises/02_04_9_archivos/web");
    fs::create_dir_all(&web)?;
    fs::write(web.join("../enunciado.md"), SECRET)?;
    hands.stand_in(&site.folder);
    hands.serve("cargo curso ejecutar")?;
    for start in [
        "curl -i --path-as-is http://127.0.0.1:8804/..",
        "curl -i --path-as-is http://127.0.0.1:8804/%",
    ] {
        let answer = hands.run(start)?;
        ensure(answer.starts_with("HTTP/1.1 404 "), || answer)?;
    }
    hands.run("truncate")?;
    let download = hands.open("curl --limit-rate")?;
    // Lo que se envía ya lo ha prometido la cabecera.
    hands.wait_for_a_full_buffer()?;
    fs::File::options().write(true).open(web.join("grande.bin"))?.set_len(1 << 20)?;
    // CURLE_PARTIAL_FILE: faltan bytes de los que se prometieron.
    ensure_equal("el código de salida de `curl`", Some(18), download.ends()?.1)
});

/// Comprueba la ruta que da un destino.
fn asks(target: &str, expected: Result<&str, Status>) -> Outcome {
    let owned = target.to_owned();
    let got = within(SOON, "traducir un destino", move || relative_path(&owned))
        .within(format!("Con el destino «{target}»."))?;
    let what = format!("`relative_path` de «{target}»");
    ensure_equal(what, shown(&expected.map(PathBuf::from)), shown(&got))
}

/// Una ruta, o el código con el que se rechaza.
fn shown(path: &Result<PathBuf, Status>) -> String {
    match path {
        Ok(path) => format!("Ok({})", path.display()),
        Err(status) => format!("Err({} {})", status.code, status.phrase),
    }
}

/// La ruta, con `%XX` en lugar de lo que no puede ir tal cual en una petición (RFC 3986, 2.1).
fn percent_encoded(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    let written =
        |&byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02x}") };
    path.as_os_str().as_bytes().iter().map(written).collect()
}

/// Una carpeta que se sirve, y lo que hay a su lado. Desaparece al soltarla.
struct Site {
    folder: PathBuf,
    _kept: TempDir,
}

impl Site {
    fn new() -> io::Result<Site> {
        let kept = TempDir::new()?;
        // Lo que el sistema llame de otro modo, con su nombre de verdad.
        let site = Site { folder: kept.path().canonicalize()?, _kept: kept };
        for folder in ["web", "web/apuntes", "web/sin_indice", "web-privada"] {
            fs::create_dir(site.folder.join(folder))?;
        }
        for (file, content) in [
            ("secreto.txt", SECRET),
            ("web-privada/secreto.txt", SECRET),
            ("web/index.html", "<h1>índice</h1>\n"),
            ("web/apuntes/index.html", "<h1>apuntes</h1>\n"),
            ("web/apuntes/uno.md", "uno\n"),
            ("web/hola mundo.txt", "hola\n"),
            ("web/estilo.CSS", "h1 {}\n"),
            ("web/vacio", ""),
        ] {
            fs::write(site.folder.join(file), content)?;
        }
        Ok(site)
    }

    /// La carpeta que se sirve.
    fn root(&self) -> PathBuf {
        self.folder.join("web")
    }

    fn open(&self, path: &str) -> Result<Result<Found, Status>, Failure> {
        let (root, path) = (self.root(), PathBuf::from(path));
        within(SOON, "abrir un archivo", move || open(&root, &path))
    }

    fn opens(&self, path: &str, content: &str, extension: &str) -> Outcome {
        let found = self.open(path)?.map_err(|status| {
            let failure =
                Failure::new(format!("`open` de «{path}» debía abrirlo, y dio {}.", status.code));
            if has_openat2() {
                failure
            } else {
                failure
                    .hint("esta máquina no tiene `openat2`: si lo usas, prueba con `canonicalize`")
            }
        })?;
        let Found { mut file, length, extension: got } = found;
        let mut read = String::new();
        file.read_to_string(&mut read)?;
        ensure_equal(format!("lo que se lee de «{path}»"), &content.to_owned(), &read)?;
        ensure_equal(format!("`length` de «{path}»"), content.len() as u64, length)?;
        ensure_equal(format!("`extension` de «{path}»"), &extension.to_owned(), &got)
    }

    /// Comprueba que no se abre.
    fn refuses(&self, path: &str, what: &str) -> Outcome {
        match self.open(path)? {
            Err(status) if status == NOT_FOUND => Ok(()),
            Err(status) => Err(Failure::new(format!(
                "`open` de «{path}» debía dar NOT_FOUND, y dio {}. Es {what}.",
                status.code
            ))),
            Ok(mut found) => {
                let mut content = String::new();
                let _ = found.file.read_to_string(&mut content);
                let outside = if content == SECRET { ", y está fuera de la carpeta" } else { "" };
                let failure = Failure::new(format!(
                    "`open` abrió «{path}», que es {what}{outside}. Debía dar NOT_FOUND."
                ));
                Err(if content == SECRET {
                    failure.hint(
                        "lo que importa es adónde lleva la ruta de verdad: el enunciado da dos \
                         caminos, `canonicalize` y `openat2`",
                    )
                } else {
                    failure
                })
            }
        }
    }
}

/// Si el núcleo tiene openat2(2) y deja usarla: en algunos contenedores, no.
fn has_openat2() -> bool {
    openat2(AT_FDCWD, ".", OpenHow::new().flags(OFlag::O_RDONLY)).is_ok()
}

/// Un archivo de mentira, que cuenta cómo se le lee.
#[derive(Default)]
struct Source {
    content: VecDeque<u8>,
    reads: usize,
    /// Lo más que se le pidió de una vez, y tenía.
    most: usize,
    /// Lo más que da de una vez, si tiene un límite.
    at_most: Option<usize>,
    fails: Option<ErrorKind>,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        if let Some(kind) = self.fails {
            return Err(kind.into());
        }
        let room = buffer.len().min(self.at_most.unwrap_or(usize::MAX));
        let count = self.content.read(&mut buffer[..room])?;
        self.most = self.most.max(count);
        Ok(count)
    }
}

/// Un envío por un socket de mentira, al que le cabe cualquier cosa si no se dice otra.
struct Errand {
    sending: Sending<Source>,
    socket: Sink,
}

impl Errand {
    fn new(head: &[u8], body: Vec<u8>) -> Errand {
        let left = body.len() as u64;
        let body = Source { content: body.into(), ..Source::default() };
        let sending = Sending { pending: head.to_vec(), body, left };
        Errand { sending, socket: Sink { then: NO_ROOM, ..Sink::default() } }
    }

    /// Un aviso más.
    fn advance(&mut self) -> Result<Step, Failure> {
        let empty = Sending { pending: Vec::new(), body: Source::default(), left: 0 };
        let mut sending = std::mem::replace(&mut self.sending, empty);
        let mut socket = std::mem::take(&mut self.socket);
        let (step, sending, socket) = within(SOON, "enviar un poco más", move || {
            let step = sending.advance(&mut socket);
            (step, sending, socket)
        })?;
        (self.sending, self.socket) = (sending, socket);
        Ok(step)
    }

    /// Avisos hasta que termine, como termine. Con sitio de sobra, si no se ha dicho otra cosa.
    fn ends_in(&mut self, expected: Step) -> Outcome {
        self.socket.space.extend([Space::default(); 20]);
        for _ in 0..1000 {
            match self.advance()? {
                Step::Wait => {}
                step => return ensure_equal("cómo termina el envío", &expected, &step),
            }
        }
        Err(Failure::new(format!(
            "Tras mil avisos, `advance` sigue dando Wait, y debía dar {expected:?}. Quedan {} bytes \
             en `pending`, y `left` es {}.",
            self.sending.pending.len(),
            self.sending.left
        )))
    }

    fn has_written(&self, expected: &[u8]) -> Outcome {
        let got = &self.socket.written;
        if got == expected {
            return Ok(());
        }
        let equal = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
        let near = |bytes: &[u8]| {
            let near = bytes.get(equal..).unwrap_or_default();
            format!("«{}»", near[..near.len().min(30)].escape_ascii())
        };
        Err(Failure::new(format!(
            "Lo que llegó al socket no es lo que había que enviar: son {} bytes, y debían ser {}. Los \
             {equal} primeros son iguales.",
            got.len(),
            expected.len()
        ))
        .section(
            "Desde ahí",
            [format!("se esperaba  {}", near(expected)), format!("llegó        {}", near(got))],
        ))
    }
}

/// Pide algo por una conexión nueva, hasta el final.
fn fetch(web: &Conversation, method: &str, target: &str) -> Result<Response, Failure> {
    let mut client = web.peer(&format!("quien pide {target}"))?;
    client.send(format!("{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n"))?;
    let response = client.expect_response()?;
    client.expect_end()?;
    Ok(response)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Sirve una carpeta nueva y sigue el guion.
fn with_server(script: impl FnOnce(&Conversation, &Site) -> Outcome) -> Outcome {
    let site = Site::new()?;
    let (listener, web) = listening()?;
    let root = site.root();
    let server = Task::start("el servidor", move || serve(&listener, &root))?;
    server.explain_what_it_does(script(&web, &site))
}
