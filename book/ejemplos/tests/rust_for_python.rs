//! Lo que «Rust para quien viene de Python» muestra de cada lenguaje: los primeros pasos, pieza a
//! pieza, y los mismos programas en Python, que han de llegar a la misma etapa.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Failure, Program, raise_descriptor_limit, stages, tools};
use prose::recorded;

/// Un primer paso, y sus piezas que muestra el capítulo.
struct FirstStep {
    lesson: &'static str,
    folder: &'static str,
    pieces: &'static [&'static str],
}

const STEPS: [FirstStep; 3] = [
    FirstStep { lesson: "02_02", folder: "02_02_threading", pieces: &["serve", "echo"] },
    FirstStep {
        lesson: "02_03",
        folder: "02_03_select_chat",
        pieces: &["serve", "wait", "on_acceptable", "on_readable", "broadcast"],
    },
    FirstStep { lesson: "02_04", folder: "02_04_epoll_web", pieces: &["on_readable"] },
];

/// La palabra que marca un trozo que se muestra; junto a los dos puntos, sería uno de este archivo.
const ANCHOR: &str = "ANCHOR";

/// Los demás programas en Python del capítulo, y lo que imprimen.
const SMALL: [(&str, &str); 4] = [
    ("compartido", "Entre los tres, 23 bytes.\n"),
    ("dos_nombres", "[Errno 9] Bad file descriptor\n"),
    ("iteradores", "largos: beto\nletras: 10\nnumerados: 0:ana 1:beto 2:eva\n¿alguno con e? sí\n"),
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

impl FirstStep {
    fn file(&self, ending: &str) -> PathBuf {
        folder().join("../../lessons").join(self.folder).join(format!("pasos/paso_1.{ending}"))
    }

    fn in_python(&self) -> PathBuf {
        folder().join(format!("python/paso_{}_1.py", self.lesson))
    }
}

/// `INSTA_UPDATE=always cargo test -p ejemplos` escribe las de hoy en su sitio.
#[test]
fn las_piezas_son_las_de_los_primeros_pasos() -> Result<(), Failure> {
    for step in STEPS {
        let code = fs::read_to_string(step.file("rs"))?;
        let file = folder().join(format!("piezas/{}.rs", step.lesson));
        recorded(&file, &pieces(&code, step.pieces), str::to_owned)?;
    }
    Ok(())
}

/// Esas funciones de un programa en Rust, cada una en su ancla, sin comentarios y pegadas al
/// margen.
fn pieces(program: &str, wanted: &[&str]) -> String {
    let code: Vec<&str> = program.lines().filter_map(without_comment).collect();
    let mut pieces = String::new();
    for name in wanted {
        let starts = |line: &&str| line.trim_start().starts_with(&format!("fn {name}("));
        let first = code.iter().position(starts).unwrap();
        let indent = code[first].len() - code[first].trim_start().len();
        let end = format!("{}}}", " ".repeat(indent));
        let length = code[first..].iter().position(|line| *line == end).unwrap();
        writeln!(pieces, "// {ANCHOR}: {name}").unwrap();
        for line in &code[first..=first + length] {
            writeln!(pieces, "{}", line.get(indent..).unwrap_or_default()).unwrap();
        }
        writeln!(pieces, "// {ANCHOR}_END: {name}\n").unwrap();
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

#[test]
fn en_python_los_primeros_pasos_llegan_a_la_misma_etapa() -> Result<(), Failure> {
    if !tools::available("python3", "los primeros pasos en Python")? {
        return Ok(());
    }
    raise_descriptor_limit();
    for step in STEPS {
        let lesson = step.lesson;
        let told = fs::read_to_string(step.file("txt"))?;
        let reached = told.lines().filter(|line| line.starts_with('✓')).count();
        let server = python(&step.in_python()).arg("0").start()?;
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
