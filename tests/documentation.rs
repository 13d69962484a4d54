//! Lo que el texto promete del código, comprobado contra el código.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Los defectos de las recetas clásicas que tienen su prueba: lección y cuántos.
const DEFECTS: [(u8, u8); 3] = [(2, 13), (3, 23), (4, 18)];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Los archivos con esa extensión bajo una carpeta, sin entrar en `target`.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found
}

/// Los archivos con esa extensión bajo esas carpetas del curso, y su texto.
fn texts(folders: &[&str], extension: &str) -> Vec<(PathBuf, String)> {
    let paths = folders.iter().flat_map(|folder| files(&root().join(folder), extension));
    paths.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn sources() -> Vec<(PathBuf, String)> {
    texts(&["src", "lessons", "tests", "book/mas_alla"], "rs")
}

/// Todo lo que dicen los capítulos que hay bajo esas carpetas.
fn prose(folders: &[&str]) -> String {
    texts(folders, "md").into_iter().map(|(_, text)| text).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Lo que hay entre cada `start` y el `end` que le sigue.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    text.split(start).skip(1).filter_map(|rest| Some(rest.split_once(end)?.0)).collect()
}

#[test]
fn cada_listado_de_los_capítulos_existe() {
    let mut listings = 0;
    for (chapter, text) in texts(&["lessons", "book/src"], "md") {
        for include in between(&text, "{{#include ", "}}") {
            let (file, anchor) = include.split_once(':').unwrap_or((include, ""));
            let path = chapter.with_file_name("").join(file);
            let code = fs::read_to_string(&path)
                .unwrap_or_else(|error| panic!("{}: {include}: {error}", chapter.display()));
            let marks = |mark: &str| {
                let forms = anchor_comments(&format!("{mark}: {anchor}"));
                code.lines().filter(|line| forms.iter().any(|form| line.trim() == form)).count()
            };
            if !anchor.is_empty() {
                assert_eq!(
                    (marks("ANCHOR"), marks("ANCHOR_END")),
                    (1, 1),
                    "{}: «{include}» no es un ancla bien cerrada",
                    chapter.display()
                );
            }
            listings += 1;
        }
    }
    assert!(listings > 0, "los capítulos no muestran ningún listado");
}

/// Las formas de escribir un ancla: en Rust, en Python y en Markdown.
fn anchor_comments(what: &str) -> [String; 3] {
    [format!("// {what}"), format!("# {what}"), format!("<!-- {what} -->")]
}

#[test]
fn cada_ancla_se_muestra_en_algún_capítulo() {
    const FOLDERS: [&str; 3] = ["lessons", "book/mas_alla", "book/ejemplos"];
    let chapters = prose(&["lessons", "book"]);
    let code = ["rs", "py"].map(|language| texts(&FOLDERS, language)).concat();
    let mut missing = Vec::new();
    for (path, code) in code {
        for anchor in ["// ANCHOR: ", "# ANCHOR: "].map(|mark| between(&code, mark, "\n")).concat()
        {
            let shown = format!("{}:{anchor}}}}}", path.file_name().unwrap().to_string_lossy());
            if !chapters.contains(&shown) {
                missing.push(format!("{}: «{anchor}»", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "anclas que nadie muestra:\n{}", missing.join("\n"));
}

#[test]
fn cada_cambio_de_cada_paso_está_en_el_capítulo_de_su_lección() {
    let mut missing = Vec::new();
    for (step, pieces) in texts(&["book/src/pasos"], "md") {
        let name = step.file_name().unwrap().to_string_lossy().into_owned();
        let chapter = prose_of_lesson(&name[..5]);
        for anchor in between(&pieces, "<!-- ANCHOR: ", " -->") {
            if !chapter.contains(&format!("book/src/pasos/{name}:{anchor}}}}}")) {
                missing.push(format!("{{{{#include ../../book/src/pasos/{name}:{anchor}}}}}"));
            }
        }
    }
    assert!(missing.is_empty(), "lo que cambia un paso, y nadie enseña:\n{}", missing.join("\n"));
}

/// El capítulo de una lección: `02_03`.
fn prose_of_lesson(lesson: &str) -> String {
    let chapters = texts(&["lessons"], "md").into_iter();
    let of_lesson = |path: &Path| path.to_string_lossy().contains(&format!("lessons/{lesson}"));
    chapters.filter(|(path, _)| of_lesson(path)).map(|(_, text)| text).collect()
}

#[test]
fn cada_defecto_de_las_recetas_tiene_su_prueba() {
    let sources = sources();
    let tests = || sources.iter().flat_map(|(_, code)| between(code, "fn t", "("));
    let ids = DEFECTS
        .iter()
        .flat_map(|&(lesson, count)| (1..=count).map(move |n| format!("{lesson}_{n:02}_")));
    let missing: Vec<String> = ids.filter(|id| !tests().any(|test| test.starts_with(id))).collect();
    assert!(missing.is_empty(), "defectos sin prueba: {missing:?}");
}

#[test]
fn la_autopsia_los_cuenta_todos() {
    let autopsy = read("book/src/autopsia.md");
    let ids = DEFECTS
        .iter()
        .flat_map(|&(lesson, count)| (1..=count).map(move |n| format!("| T{lesson}-{n:02} |")));
    let missing: Vec<String> = ids.filter(|id| !autopsy.contains(id)).collect();
    assert!(missing.is_empty(), "defectos que la autopsia no cuenta: {missing:?}");
}

#[test]
fn cada_ejercicio_está_en_el_capítulo_de_su_lección() {
    let chapters = prose(&["lessons"]);
    let exercises: Vec<String> = fs::read_dir(root().join("exercises"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("02_"))
        .collect();
    assert!(!exercises.is_empty());
    let lessons: String = files(&root().join("lessons"), "md")
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    for exercise in exercises.iter().filter(|name| lessons.contains(&format!("/{}", &name[..6]))) {
        let link = format!("](ejercicios/{exercise}.md)");
        assert!(
            chapters.contains(&link),
            "{exercise} no está en la tabla «Ahora tú» de su capítulo"
        );
    }
}

#[test]
fn las_órdenes_de_cada_enunciado_tienen_quien_las_siga() {
    for entry in fs::read_dir(root().join("exercises")).unwrap().flatten() {
        let Ok(tests) = fs::read_to_string(entry.path().join("pruebas.rs")) else { continue };
        assert!(
            tests.contains("\nfollow!(|hands|"),
            "a {} le falta un `follow!`, como el de 02_02_1_eco",
            entry.file_name().display()
        );
    }
}

#[test]
fn cada_paso_de_la_traza_está_en_su_documentación() {
    let source = read("src/steps.rs");
    let steps = source.lines().find(|line| line.contains("| `what` |")).unwrap();
    let documented: BTreeSet<&str> = between(steps, "el paso: ", " |")[0]
        .split(", ")
        .map(|step| step.trim_matches('`'))
        .collect();
    // Cada variante se llama en el registro como dice su `rename` o, si no lo tiene, como ella.
    let mut defined = BTreeSet::new();
    let mut renamed = None;
    for line in between(&source, "pub enum Step", "\n}\n")[0].lines().skip(1) {
        let Some(line) = line.strip_prefix("    ").filter(|line| !line.starts_with(' ')) else {
            continue;
        };
        if let Some(name) = line.strip_prefix("#[serde(rename = \"") {
            renamed = name.split('"').next().map(str::to_owned);
        } else if let Some((variant, _)) = line.split_once(" {") {
            defined.insert(renamed.take().unwrap_or_else(|| variant.to_lowercase()));
        }
    }
    assert_eq!(defined.iter().map(String::as_str).collect::<BTreeSet<_>>(), documented);
}

#[test]
fn cada_orden_del_léeme_nombra_un_programa_que_existe() {
    let manifest = read("Cargo.toml");
    let readme = read("README.md");
    let programs = between(&readme, "cargo run --bin ", "\n");
    assert!(!programs.is_empty());
    for program in programs {
        let name = program.split_whitespace().next().unwrap().trim_end_matches('`');
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}

#[test]
fn las_horas_de_la_portada_son_las_de_los_enunciados() {
    let cover = read("book/src/portada.md");
    let timed = |line: &&str| line.starts_with("| [02_") && line.contains(" min |");
    let rows: Vec<&str> = cover.lines().filter(timed).collect();
    assert!(rows.len() >= 3, "{rows:?}");
    for row in rows {
        let lesson = between(row, "[", "]")[0];
        let statements = files(&root().join("exercises"), "md");
        let of_lesson = statements.iter().filter(|path| {
            path.ends_with("enunciado.md")
                && path.to_string_lossy().contains(&format!("/{lesson}_"))
        });
        let minutes: u32 = of_lesson
            .map(|path| fs::read_to_string(path).unwrap())
            .map(|text| between(&text, "unos ", " minutos")[0].parse::<u32>().unwrap())
            .sum();
        let halves = (minutes + 15) / 30;
        let half = if halves % 2 == 1 { " 30 min" } else { "" };
        let hours = match minutes {
            0 => "| |".to_owned(),
            1..60 => format!("| {minutes} min |"),
            _ => format!("| {} h{half} |", halves / 2),
        };
        assert!(
            row.ends_with(&hours),
            "{lesson}: los ejercicios suman {minutes} minutos: «{hours}»"
        );
    }
}

/// Si esto es una copia de las que se reparten, que no llevan lo que es de quien enseña.
fn is_handed_out() -> bool {
    !root().join("exercises/soluciones").exists()
}

#[test]
fn los_minutos_del_plan_para_docentes_son_los_de_los_enunciados_y_los_de_las_notas() {
    if is_handed_out() {
        return;
    }
    let plan = read("book/src/docentes.md");
    let mut wrong = Vec::new();
    for folder in fs::read_dir(root().join("exercises")).unwrap().flatten() {
        let Ok(statement) = fs::read_to_string(folder.path().join("enunciado.md")) else {
            continue;
        };
        let id = folder.file_name().into_string().unwrap();
        let minutes = between(&statement, "unos ", " minutos")[0];
        let entry = format!("`{id}` ({minutes})");
        if !plan.contains(&entry) {
            wrong.push(entry);
        }
    }
    for chapter in files(&root().join("lessons"), "md") {
        let lesson =
            chapter.parent().unwrap().file_name().unwrap().to_string_lossy()[..5].to_owned();
        let shown: String = plan
            .lines()
            .filter(|line| line.starts_with(&format!("- **Se proyecta** [{lesson}]")))
            .collect();
        let (total, rows) = note(&fs::read_to_string(&chapter).unwrap());
        let sum: u32 = rows.iter().map(|(_, minutes)| minutes).sum();
        assert_eq!(sum, total, "la nota de {lesson} dice {total} minutos, y sus filas suman {sum}");
        assert_eq!(
            shown.matches('«').count(),
            rows.len(),
            "{lesson}: lo que se proyecta es cada fila de su nota, una vez"
        );
        let entries = rows.iter().map(|(title, minutes)| format!("«{title}» ({minutes})"));
        wrong.extend(entries.filter(|entry| !shown.contains(entry.as_str())));
    }
    assert!(wrong.is_empty(), "book/src/docentes.md debe decir:\n{}", wrong.join("\n"));
}

#[test]
fn cada_sesión_del_plan_cabe_en_hora_y_media() {
    const SESSION: u32 = 90;
    const COMPARING: u32 = 15;
    if is_handed_out() {
        return;
    }
    let plan = read("book/src/docentes.md");
    let sessions: Vec<_> = plan.split("\n### Sesión ").skip(1).collect();
    assert!(sessions.len() > 5, "no se encuentran las sesiones");
    for session in sessions {
        let session = session.split("\n## ").next().unwrap();
        let in_class = ["- **Se proyecta**", "- **En clase:**"];
        let lines = session.lines().filter(|line| in_class.iter().any(|it| line.starts_with(it)));
        let minutes: u32 = lines
            .flat_map(|line| between(line, " (", ")"))
            .filter_map(|minutes| minutes.parse::<u32>().ok())
            .sum();
        let title = session.lines().next().unwrap();
        assert!(
            minutes + COMPARING <= SESSION,
            "{title}: {minutes} minutos y comparar, {COMPARING}"
        );
    }
}

/// Los minutos que dice la nota para docentes de un capítulo, y los de cada una de sus filas.
fn note(chapter: &str) -> (u32, Vec<(String, u32)>) {
    let (_, note) = chapter.split_once("<details class=\"docente\">").unwrap();
    let (note, _) = note.split_once("</details>").unwrap();
    let total = between(note, "<summary>Para docentes: ", " minutos")[0].parse().unwrap();
    let rows = note.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?.to_owned(), cells.next()?.parse().ok()?))
    });
    (total, rows.collect())
}

#[test]
fn el_glosario_va_en_orden_alfabético() {
    let glossary = read("book/src/glosario.md");
    let terms: Vec<&str> = glossary.lines().filter_map(|line| line.strip_prefix("| [")).collect();
    assert!(terms.len() > 20, "no se encuentran los términos");
    for pair in terms.windows(2) {
        let [one, next] = [0, 1].map(|at| pair[at].split(']').next().unwrap());
        assert!(sorted_as(one) <= sorted_as(next), "«{next}» va antes que «{one}»");
    }
}

/// Con qué letras se ordena: sin tildes, y la eñe detrás de la ene.
fn sorted_as(term: &str) -> String {
    let plain = |letter| match letter {
        'á' => "a".to_owned(),
        'é' => "e".to_owned(),
        'í' => "i".to_owned(),
        'ó' => "o".to_owned(),
        'ú' | 'ü' => "u".to_owned(),
        'ñ' => "n~".to_owned(),
        other => String::from(other),
    };
    term.to_lowercase().chars().map(plain).collect()
}

#[test]
fn cada_dibujo_se_muestra_en_algún_capítulo() {
    let chapters = prose(&["lessons", "book/src", "exercises"]);
    let drawings = files(&root().join("book/dibujos"), "pikchr");
    assert!(!drawings.is_empty());
    for drawing in drawings {
        let name = drawing.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            chapters.contains(&format!("dibujos/{name}.svg")),
            "nadie muestra book/dibujos/{name}.pikchr"
        );
    }
}

/// Los textos del repositorio que leen las personas.
fn everything_written() -> Vec<(PathBuf, String)> {
    let loose = ["README.md", "CONTRIBUTING.md", "ARQUITECTURA.md", "book/LEEME.md"];
    let loose = loose.into_iter().map(|name| (PathBuf::from(name), read(name)));
    texts(&["lessons", "book/src", "exercises"], "md").into_iter().chain(loose).collect()
}

#[test]
fn las_filas_de_cada_tabla_tienen_las_celdas_de_su_título() {
    for (file, text) in everything_written() {
        let (mut expected, mut in_code) = (None, false);
        for (line, number) in text.lines().zip(1..) {
            in_code ^= line.trim_start().starts_with("```");
            if in_code || !line.starts_with('|') {
                expected = None;
                continue;
            }
            let place = format!("{}:{number}", file.display());
            assert!(line.trim_end().ends_with('|'), "{place}: la fila no termina en «|»");
            let cells = cells(line);
            assert_eq!(*expected.get_or_insert(cells), cells, "{place}: celdas de más o de menos");
        }
    }
}

/// Las celdas de una fila: `\\|` no separa.
fn cells(row: &str) -> usize {
    row.replace("\\|", "").trim().trim_matches('|').split('|').count()
}

#[test]
fn no_queda_nada_por_escribir() {
    let pending = ["POR ", "ESCRIBIR"].concat();
    let allowed = ["LEEME.md", "CONTRIBUTING.md"];
    let code = ["rs", "diff", "pikchr"].map(|kind| texts(&["exercises", "lessons", "book"], kind));
    for (file, text) in everything_written().into_iter().chain(code.into_iter().flatten()) {
        let is_about_it = allowed.iter().any(|name| file.ends_with(name))
            || file.to_string_lossy().contains("exercises/src/")
            || file.to_string_lossy().contains("/target/");
        assert!(is_about_it || !text.contains(&pending), "{}: «{pending}»", file.display());
    }
}
