//! Lo que «Rust para quien viene de Python» muestra de cada lenguaje: los primeros pasos, pieza a
//! pieza, y los mismos programas en Python, que han de llegar a la misma etapa.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Failure, Program, raise_descriptor_limit, stages, tools};
use prose::recorded;

/// Las lecciones, y la carpeta de cada una.
const LESSONS: [(&str, &str); 3] =
    [("02_02", "02_02_threading"), ("02_03", "02_03_select_chat"), ("02_04", "02_04_epoll_web")];

/// Los demás programas en Python del capítulo, y lo que imprimen.
const SMALL: [(&str, &str); 4] = [
    ("compartido", "Entre los tres, 23 bytes.\n"),
    ("dos_nombres", "[Errno 9] Bad file descriptor\n"),
    ("iteradores", "largos: beto\nletras: 10\nnumerados: 0:ana 1:beto 2:eva\n¿está eva? sí\n"),
    (
        "quitar_al_recorrer",
        "RuntimeError: dictionary changed size during iteration\n{1: 'ana', 3: 'eva'}\n",
    ),
];

/// Lo que se espera, en la etapa que ha de fallar, a quien no va a contestar.
const PATIENCE: Duration = Duration::from_secs(2);

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn first_step(lesson_folder: &str, ending: &str) -> PathBuf {
    folder().join("../../lessons").join(lesson_folder).join(format!("pasos/paso_1.{ending}"))
}

/// `INSTA_UPDATE=always cargo test -p ejemplos` escribe las de hoy en su sitio.
#[test]
fn las_piezas_son_las_de_los_primeros_pasos() -> Result<(), Failure> {
    for (lesson, lesson_folder) in LESSONS {
        let step = fs::read_to_string(first_step(lesson_folder, "rs"))?;
        let file = folder().join(format!("piezas/{lesson}.rs"));
        recorded(&file, &pieces(&step), str::to_owned)?;
    }
    Ok(())
}

/// Cada función y cada tipo de un programa bien sangrado, en su ancla, sin comentarios y pegados al
/// margen.
fn pieces(program: &str) -> String {
    let code: Vec<&str> = program.lines().filter_map(without_comment).collect();
    let mut pieces = String::new();
    for (number, line) in code.iter().enumerate() {
        let Some(name) = defined_in(line) else { continue };
        let indent = line.len() - line.trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let last = code[number..].iter().position(|line| *line == end).unwrap();
        let body = code[number..=number + last].iter().map(|line| line.get(indent..).unwrap_or(""));
        let body: Vec<&str> = body.collect();
        pieces += &format!("// ANCHOR: {name}\n{}\n// ANCHOR_END: {name}\n\n", body.join("\n"));
    }
    pieces
}

/// La línea sin su comentario; si no es otra cosa, nada.
fn without_comment(line: &str) -> Option<&str> {
    if line.trim_start().starts_with("//") {
        return None;
    }
    Some(line.split_once(" // ").map_or(line, |(code, _)| code).trim_end())
}

/// El nombre de la función o del tipo que empieza en esa línea.
fn defined_in(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let rest = ["fn ", "struct "].iter().find_map(|kind| line.strip_prefix(kind))?;
    rest.split(|letter: char| !letter.is_alphanumeric() && letter != '_').next()
}

#[test]
fn en_python_los_primeros_pasos_llegan_a_la_misma_etapa() -> Result<(), Failure> {
    if !tools::available("python3", "los primeros pasos en Python")? {
        return Ok(());
    }
    raise_descriptor_limit();
    for (lesson, lesson_folder) in LESSONS {
        let told = fs::read_to_string(first_step(lesson_folder, "txt"))?;
        let reached = told.lines().filter(|line| line.starts_with('✓')).count();
        let script = folder().join(format!("python/paso_{lesson}_1.py"));
        let server = python(&script).arg("0").start()?;
        let (passed, others) = stages(lesson).split_at(reached);
        passed.iter().try_for_each(|stage| server.passes(stage))?;
        let conversation = others[0].conversation(server.address()).limit(PATIENCE);
        let outcome = server.passes_in(&others[0], &conversation);
        assert!(outcome.is_err(), "{lesson}: en Python pasa también {}", others[0]);
    }
    Ok(())
}

#[test]
fn los_demás_programas_en_python_imprimen_lo_que_dice_el_libro() -> Result<(), Failure> {
    if !tools::available("python3", "los programas en Python del libro")? {
        return Ok(());
    }
    for (name, expected) in SMALL {
        let script = folder().join(format!("python/{name}.py"));
        let exit = python(&script).run_to_end("", Duration::from_secs(20))?;
        assert_eq!((exit.code, exit.stdout.as_str()), (Some(0), expected), "{name}\n{exit}");
    }
    Ok(())
}

/// Ese programa, como en una terminal: si se prueba en segundo plano, Ctrl-C no estaría.
fn python(script: &Path) -> Program {
    Program::new("env").args(["--default-signal=INT", "python3"]).arg(script)
}
