//! Servidores en varios lenguajes, y lo que merece cada uno: pasar, o pararse en una etapa.
//!
//! Los hay correctos y raros, que hacen lo que el contrato permite y casi nadie hace; y los hay que
//! se equivocan en una cosa. Se evalúan enteros, como haría `cargo curso evaluar`. Tarda unos
//! minutos, y por eso se pide aparte: `cargo test -p harness --test corpus -- --ignored`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "aquí todo es prueba")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use harness::{Failure, Program, Server, stages, tools};

/// Cuántos se evalúan a la vez: casi todo es esperar.
const AT_ONCE: usize = 4;

/// Con qué se arranca un archivo.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    Python,
    Node,
    C,
}
use Language::{C, Node, Python};

/// Lo que merece un servidor.
#[derive(Clone, Copy)]
enum Deserves {
    ToPass,
    ToStopAt(&'static str),
}
use Deserves::{ToPass, ToStopAt};

struct Case {
    lesson: &'static str,
    language: Language,
    file: &'static str,
    /// En qué se aparta de lo de siempre.
    which: &'static str,
    deserves: Deserves,
}

const fn case(
    lesson: &'static str,
    language: Language,
    file: &'static str,
    which: &'static str,
    deserves: Deserves,
) -> Case {
    Case { lesson, language, file, which, deserves }
}

const ECHO: &str = "02_02";
const CHAT: &str = "02_03";
const WEB: &str = "02_04";

const BODIES: &str = "el cuerpo no es la petición siguiente";

const CASES: &[Case] = &[
    case(ECHO, Python, "eco_hilos", "bien", ToPass),
    case(ECHO, Python, "eco_hilos", "gota_a_gota", ToPass),
    case(ECHO, Python, "eco_hilos", "avisa_y_cierra", ToPass),
    case(ECHO, Python, "eco_hilos", "una_vez", ToStopAt("acepta y responde")),
    case(ECHO, Python, "eco_hilos", "espera_el_final", ToStopAt("acepta y responde")),
    case(ECHO, Python, "eco_hilos", "reinicia", ToStopAt("acepta y responde")),
    case(ECHO, Python, "eco_hilos", "linea_a_linea", ToStopAt("los bytes exactos")),
    case(ECHO, Python, "eco_hilos", "texto", ToStopAt("los bytes exactos")),
    case(ECHO, Python, "eco_hilos", "hasta_el_cero", ToStopAt("los bytes exactos")),
    case(ECHO, Python, "eco_hilos", "calla_con_el_callado", ToStopAt("el final, en orden")),
    case(
        ECHO,
        Python,
        "eco_hilos",
        "uno_tras_otro",
        ToStopAt("muchos a la vez, y algunos callados"),
    ),
    case(ECHO, Python, "eco_hilos", "traza_al_final", ToStopAt("el final del programa")),
    case(ECHO, Python, "eco_asyncio", "bien", ToPass),
    case(ECHO, Python, "eco_asyncio", "sin_drain", ToPass),
    case(ECHO, Python, "eco_asyncio", "aborta", ToStopAt("el final, con mucho por devolver")),
    case(ECHO, Node, "eco", "bien", ToPass),
    case(ECHO, Node, "eco", "guarda_todo", ToPass),
    case(ECHO, Node, "eco", "destruye", ToStopAt("el final, con mucho por devolver")),
    case(ECHO, Node, "eco", "texto", ToStopAt("los bytes exactos")),
    case(ECHO, Node, "eco", "no_cierra", ToStopAt("acepta y responde")),
    case(ECHO, Node, "eco", "sin_error", ToStopAt("un reinicio no molesta a los demás")),
    case(ECHO, C, "eco", "bien", ToPass),
    case(ECHO, C, "eco", "cadenas", ToStopAt("los bytes exactos")),
    case(ECHO, C, "eco", "lectura_corta", ToStopAt("acepta y responde")),
    case(ECHO, C, "eco", "sin_procesos", ToStopAt("muchos a la vez, y algunos callados")),
    case(ECHO, C, "eco", "sin_ctrl_c", ToStopAt("el final del programa")),
    case(CHAT, Python, "chat_asyncio", "bien", ToPass),
    case(CHAT, Python, "chat_asyncio", "calla_lo_vacio", ToPass),
    case(CHAT, Python, "chat_asyncio", "explica_al_final", ToPass),
    case(CHAT, Python, "chat_asyncio", "al_reves", ToStopAt("de uno a los demás")),
    case(CHAT, Python, "chat_asyncio", "se_oye", ToStopAt("de uno a los demás")),
    case(CHAT, Python, "chat_asyncio", "cuenta_bytes", ToStopAt("el saludo")),
    case(CHAT, Python, "chat_asyncio", "cuenta_de_menos", ToStopAt("avisos y difusión")),
    case(CHAT, Python, "chat_asyncio", "sin_despedida", ToStopAt("avisos y difusión")),
    case(CHAT, Python, "chat_asyncio", "cuenta_antes", ToStopAt("el mismo orden para todos")),
    case(CHAT, Python, "chat_asyncio", "cualquier_nombre", ToStopAt("nombres inválidos")),
    case(CHAT, Python, "chat_asyncio", "distingue_mayusculas", ToStopAt("nombres inválidos")),
    case(CHAT, Python, "chat_asyncio", "consulta_entre_medias", ToStopAt("nombres repetidos")),
    case(CHAT, Python, "chat_asyncio", "rechaza_lo_vacio", ToStopAt("longitudes hostiles")),
    case(CHAT, Python, "chat_asyncio", "sin_tope", ToStopAt("longitudes hostiles")),
    case(CHAT, Python, "chat_asyncio", "no_cabe", ToStopAt("longitudes hostiles")),
    case(CHAT, Python, "chat_asyncio", "repara", ToStopAt("lo que no es texto")),
    case(CHAT, Python, "chat_asyncio", "espera_el_resto", ToStopAt("el final a medio marco")),
    case(CHAT, Python, "chat_asyncio", "habla_a_desconocidos", ToStopAt("conexiones calladas")),
    case(
        CHAT,
        Python,
        "chat_asyncio",
        "culpa_a_quien_habla",
        ToStopAt("reinicios y cierres de golpe"),
    ),
    case(CHAT, Python, "chat_asyncio", "sin_filtro", ToStopAt("caracteres de control")),
    case(CHAT, Python, "chat_asyncio", "sin_limite", ToStopAt("quien no lee no frena a nadie")),
    case(
        CHAT,
        Python,
        "chat_asyncio",
        "cierra_sin_leer",
        ToStopAt("el ERROR llega aunque sigan enviando"),
    ),
    case(CHAT, Python, "chat_asyncio", "expulsa", ToStopAt("quien lee despacio lo oye todo")),
    case(
        CHAT,
        Python,
        "chat_asyncio",
        "no_oye_a_quien_se_va",
        ToStopAt("quien lee despacio lo oye todo"),
    ),
    case(CHAT, Python, "chat_hilos", "escribe_ya", ToStopAt("quien no lee no detiene el servidor")),
    case(CHAT, Python, "chat_hilos", "sin_orden", ToStopAt("el mismo orden para todos")),
    case(CHAT, Python, "chat_hilos", "con_orden", ToStopAt("nombres inválidos")),
    case(CHAT, Node, "chat", "bien", ToPass),
    case(CHAT, Node, "chat", "con_puerto", ToStopAt("el saludo")),
    case(CHAT, Node, "chat", "cuenta_caracteres", ToStopAt("de uno a los demás")),
    case(CHAT, Node, "chat", "sin_limite", ToStopAt("quien no lee no frena a nadie")),
    case(CHAT, Node, "chat", "destruye", ToStopAt("el ERROR llega aunque sigan enviando")),
    case(CHAT, Node, "chat", "expulsa", ToStopAt("quien lee despacio lo oye todo")),
    case(CHAT, Node, "chat", "olvida_lo_guardado", ToStopAt("quien lee despacio lo oye todo")),
    case(WEB, Python, "web_manual", "bien", ToPass),
    case(WEB, Python, "web_manual", "charset_en_mayusculas", ToPass),
    case(WEB, Python, "web_manual", "tipo_en_mayusculas", ToPass),
    case(WEB, Python, "web_manual", "charset_entre_comillas", ToPass),
    case(WEB, Python, "web_manual", "basura_501", ToPass),
    case(WEB, Python, "web_manual", "version_400", ToPass),
    case(WEB, Python, "web_manual", "keep_alive_cerrado", ToPass),
    case(WEB, Python, "web_manual", "post_es_get", ToPass),
    case(WEB, Python, "web_manual", "provisional", ToPass),
    case(WEB, Python, "web_manual", "errores_http_1_0", ToPass),
    case(WEB, Python, "web_manual", "sin_frase", ToPass),
    case(WEB, Python, "web_manual", "errores_por_trozos", ToPass),
    case(WEB, Python, "web_manual", "errores_sin_longitud", ToPass),
    case(WEB, Python, "web_manual", "campos_en_minusculas", ToPass),
    case(WEB, Python, "web_manual", "head_sin_longitud", ToPass),
    case(WEB, Python, "web_manual", "longitud_en_caracteres", ToStopAt("responde a un GET")),
    case(WEB, Python, "web_manual", "anuncia_y_sigue", ToStopAt("la conexión persiste")),
    case(WEB, Python, "web_manual", "cierra_a_las_cien", ToStopAt("más peticiones que búfer")),
    case(WEB, Python, "web_manual", "sin_charset", ToStopAt("los campos de la cabecera")),
    case(WEB, Python, "web_manual", "sin_fecha", ToStopAt("los campos de la cabecera")),
    case(WEB, Python, "web_manual", "pagina_por_trozos", ToStopAt("los campos de la cabecera")),
    case(WEB, Python, "web_manual", "head_con_cuerpo", ToStopAt("HEAD")),
    case(WEB, Python, "web_manual", "head_con_cero", ToStopAt("HEAD")),
    case(WEB, Python, "web_manual", "corta_lo_leido", ToStopAt(BODIES)),
    case(WEB, Python, "web_manual", "unas_mayusculas", ToStopAt(BODIES)),
    case(WEB, Python, "web_manual", "sin_100", ToStopAt(BODIES)),
    case(WEB, Python, "web_manual", "sin_trozos", ToStopAt("el cuerpo por trozos tampoco")),
    case(WEB, Python, "web_manual", "dos_host", ToStopAt("peticiones raras e inválidas")),
    case(WEB, Python, "web_manual", "cabecera_sin_fin", ToStopAt("una cabecera sin final")),
    case(WEB, Python, "web_manual", "cierra_sin_leer", ToStopAt("una cabecera sin final")),
    case(WEB, Python, "web_manual", "sin_listas", ToStopAt("cuándo se cierra")),
    case(WEB, Python, "web_manual", "keep_alive_callado", ToStopAt("cuándo se cierra")),
    case(WEB, Python, "web_manual", "sin_plazo", ToStopAt("quien no acaba no se queda")),
    case(WEB, Python, "web_http_server", "", ToStopAt("peticiones raras e inválidas")),
    case(WEB, Node, "web", "longitud_en_caracteres", ToStopAt("responde a un GET")),
    case(WEB, Node, "web", "cierra_siempre", ToStopAt("la conexión persiste")),
    case(WEB, Node, "web", "por_defecto", ToStopAt("peticiones raras e inválidas")),
];

#[test]
#[ignore = "tarda unos minutos: cargo test -p harness --test corpus -- --ignored"]
fn cada_servidor_recibe_lo_que_merece() -> Result<(), Failure> {
    let Some(cases) = cases()? else { return Ok(()) };
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(String::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = case.check() {
                        writeln!(wrong.lock().unwrap(), "{}: {why}\n", case.name()).unwrap();
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "De {} servidores, no reciben lo suyo:\n\n{wrong}", cases.len());
    Ok(())
}

/// Los que se pueden arrancar aquí. Sin Python, ninguno: falta más de la mitad.
fn cases() -> Result<Option<Vec<&'static Case>>, Failure> {
    if !tools::available("python3", "servidores en otros lenguajes")? {
        return Ok(None);
    }
    let node = tools::available("node", "servidores en Node")?;
    let c = tools::available("cc", "servidores en C")? && compile();
    let able = |case: &&Case| match case.language {
        Python => true,
        Node => node,
        C => c,
    };
    Ok(Some(CASES.iter().filter(able).collect()))
}

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus"))
}

fn compiled() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("eco_en_c")
}

fn compile() -> bool {
    let mut command = Command::new("cc");
    command.arg("-O1").arg("-o").arg(compiled()).arg(folder().join("eco.c"));
    command.status().is_ok_and(|status| status.success())
}

impl Case {
    fn name(&self) -> String {
        format!("{} {} {}", self.lesson, self.path().display(), self.which)
    }

    fn path(&self) -> PathBuf {
        match self.language {
            Python => folder().join(self.file).with_extension("py"),
            Node => folder().join(self.file).with_extension("js"),
            C => compiled(),
        }
    }

    fn start(&self) -> Result<Server, Failure> {
        let program = match self.language {
            Python => Program::new("python3").env("PYTHONDONTWRITEBYTECODE", "1").arg(self.path()),
            Node => Program::new("node").arg(self.path()),
            // Quien ejecuta las pruebas en segundo plano puede tener apartado Ctrl-C, y se hereda.
            C => Program::new("env").arg("--default-signal=INT").arg(self.path()),
        };
        program.arg(self.which).start()
    }

    fn check(&self) -> Result<(), String> {
        let server = self.start().map_err(|failure| failure.to_string())?;
        let stopped =
            stages(self.lesson).iter().find_map(|stage| Some((stage, server.passes(stage).err()?)));
        match (self.deserves, stopped) {
            (ToPass, None) => Ok(()),
            (ToStopAt(title), Some((stage, _))) if stage.title == title => Ok(()),
            (ToPass, Some((_, failure))) => Err(format!("debía pasar.\n{failure}")),
            (ToStopAt(title), None) => Err(format!("debía detenerse en «{title}», pero pasa.")),
            (ToStopAt(title), Some((stage, failure))) => Err(format!(
                "debía detenerse en «{title}», pero se detiene en la {stage}.\n{failure}"
            )),
        }
    }
}

#[test]
fn hay_sesenta_servidores_en_tres_lenguajes_y_cada_archivo_tiene_alguno() {
    assert!(CASES.len() >= 60, "{}", CASES.len());
    for language in [Python, Node, C] {
        assert!(CASES.iter().any(|case| case.language == language));
    }
    for entry in folder().read_dir().unwrap().flatten() {
        let path = entry.path();
        let own = path.ends_with("main.rs") || path.ends_with("serve.py") || path.is_dir();
        let used = CASES.iter().any(|case| Some(case.file) == path.file_stem().unwrap().to_str());
        assert!(own || used, "{}: nadie lo arranca", path.display());
    }
}
