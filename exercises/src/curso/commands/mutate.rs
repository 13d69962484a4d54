//! `mutar`: cambia cada solución de muchas maneras, de una en una, y exige que alguna prueba lo note.
//! Las mutaciones las propone cargo-mutants; aquí se compilan juntas y se prueban como cualquier otra
//! versión de un ejercicio.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use multiplexacion::cli::Trouble;
use serde::Deserialize;

use super::help::handed_out;
use crate::build::cargo;
use crate::course::{Course, Exercise, read, write};
use crate::paint;
use crate::trial::{SIDE_BY_SIDE, Trial, all_side_by_side};
use crate::workshop::{self, Variant};

/// Las mutaciones que ninguna prueba puede notar, porque hacen lo mismo: en cada renglón, «- `QUÉ`:
/// por qué», con QUÉ tal como lo dice cargo-mutants.
const EQUIVALENT: &str = "equivalentes.md";

/// Cuántas veces se prueba, hasta que pase, la que hace lo mismo: que con la máquina ocupada venza algún
/// plazo no prueba que alguien la note.
const TRIES: usize = 3;

/// Un paquete en el que cargo-mutants solo encuentra una solución.
const MANIFEST: &str = "[package]\nname = \"mutaciones\"\nedition = \"2024\"\n\n[workspace]\n\n\
                        [lib]\npath = \"solucion.rs\"\n";

/// Muta `only`, o todos. Devuelve si no sobrevive ninguna mutación sin explicar.
pub(crate) fn mutate(course: &Course, only: Option<&Exercise>) -> Result<bool, Trouble> {
    let chosen = course.exercises.iter().filter(|it| only.is_none_or(|only| only.id == it.id));
    let (mut total, mut sound) = (Count::default(), true);
    for exercise in chosen {
        let census = Census::of(course, exercise)?;
        paint::say(&census.report(exercise));
        total.add(&census.count());
        sound &= census.is_sound();
    }
    paint::say(&format!("\nEn total, {}.", total.sentence()));
    Ok(sound)
}

/// Una mutación, como la cuenta cargo-mutants.
#[derive(Deserialize)]
struct Mutation {
    /// `src/lib.rs:12:5: replace == with != in wait`.
    name: String,
    replacement: String,
    span: Span,
    diff: String,
}

/// De dónde a dónde se cambia.
#[derive(Deserialize)]
struct Span {
    start: Place,
    end: Place,
}

/// Línea y columna, contadas desde uno; la columna, en caracteres.
#[derive(Deserialize)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    /// A cuántos bytes del principio está.
    fn within(&self, text: &str) -> Option<usize> {
        let start: usize = text.split_inclusive('\n').take(self.line - 1).map(str::len).sum();
        let (at, _) = text[start..].char_indices().nth(self.column - 1)?;
        Some(start + at)
    }
}

impl Mutation {
    /// Las que admite la solución de ese ejercicio.
    fn all(course: &Course, exercise: &Exercise) -> Result<Vec<Mutation>, Trouble> {
        let folder = workshop::empty(course, "vacia")?;
        write(&folder.join("Cargo.toml"), MANIFEST)?;
        write(&folder.join("solucion.rs"), handed_out_raw(exercise)?)?;
        let output = Command::new(cargo())
            .args(["mutants", "--list", "--json", "--diff", "--dir"])
            .arg(&folder)
            .output()?;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            Trouble::new(
                "cargo-mutants no dice qué mutaciones hay",
                "instálalo con «cargo install cargo-mutants --locked»",
            )
        })
    }

    /// Qué cambia: sin el lugar, que se mueve con cada línea que se añade.
    fn what(&self) -> &str {
        self.name.splitn(4, ':').last().unwrap_or(&self.name).trim()
    }

    fn apply(&self, solution: &str) -> Option<String> {
        let (start, end) = (self.span.start.within(solution)?, self.span.end.within(solution)?);
        Some(format!("{}{}{}", &solution[..start], self.replacement, &solution[end..]))
    }
}

/// Cómo le fue a una.
#[derive(PartialEq, Eq)]
enum Fate {
    /// No compila: no prueba nada.
    Unviable,
    /// Alguna prueba la rechaza.
    Noticed,
    /// Pasa todas.
    Survives,
}

/// Lo que resultó de un ejercicio.
struct Census {
    mutations: Vec<(Mutation, Fate)>,
    explained: Vec<String>,
}

impl Census {
    fn of(course: &Course, exercise: &Exercise) -> Result<Census, Trouble> {
        let solution = handed_out_raw(exercise)?;
        let mutations = Mutation::all(course, exercise)?;
        let variants: Vec<_> = mutations
            .iter()
            .enumerate()
            .filter_map(|(number, mutation)| {
                let code = mutation.apply(&solution)?.into_bytes();
                Some(Variant { exercise, name: format!("mutacion_{number}"), code })
            })
            .collect();
        if variants.len() < mutations.len() {
            return Err(Trouble::new(
                "no se entiende alguna mutación",
                "prueba con otra versión de cargo-mutants",
            ));
        }
        let borrowed: Vec<_> = variants.iter().collect();
        let built = workshop::prepare(course, "mutar", &borrowed)?.arg("--tests").run()?;
        let explained = explained(&exercise.folder.join(EQUIVALENT))?;
        let fate = |(mutation, variant): &(&Mutation, &Variant<'_>)| -> Result<Fate, Trouble> {
            let Ok(executable) = built.executable(&variant.test()) else {
                return Ok(Fate::Unviable);
            };
            let equivalent = explained.iter().any(|what| what == mutation.what());
            for _ in 0..if equivalent { TRIES } else { 1 } {
                if Trial::run(executable, &course.folder)?.passed() {
                    return Ok(Fate::Survives);
                }
            }
            Ok(Fate::Noticed)
        };
        let pairs: Vec<_> = mutations.iter().zip(&variants).collect();
        let fates = all_side_by_side(&pairs, SIDE_BY_SIDE, fate)?;
        Ok(Census { mutations: mutations.into_iter().zip(fates).collect(), explained })
    }

    fn survivors(&self) -> impl Iterator<Item = &Mutation> {
        self.mutations.iter().filter(|(_, fate)| *fate == Fate::Survives).map(|(it, _)| it)
    }

    fn unexplained(&self) -> impl Iterator<Item = &Mutation> {
        self.survivors().filter(|it| !self.explained.iter().any(|what| what == it.what()))
    }

    /// Lo que se explica y ya no sobrevive.
    fn needless(&self) -> impl Iterator<Item = &String> {
        self.explained.iter().filter(|what| !self.survivors().any(|it| it.what() == **what))
    }

    fn is_sound(&self) -> bool {
        self.unexplained().next().is_none() && self.needless().next().is_none()
    }

    fn count(&self) -> Count {
        let with = |wanted: Fate| self.mutations.iter().filter(|(_, fate)| *fate == wanted).count();
        let unexplained = self.unexplained().count();
        Count {
            mutations: self.mutations.len(),
            unviable: with(Fate::Unviable),
            noticed: with(Fate::Noticed),
            explained: self.survivors().count() - unexplained,
            unexplained,
        }
    }

    fn report(&self, exercise: &Exercise) -> String {
        let (mark, id) = (paint::mark(self.is_sound()), &exercise.id);
        let unexplained = self.unexplained().map(|mutation| {
            format!("\n\n  sobrevive: {}\n\n{}", mutation.what(), mutation.diff.trim_end())
        });
        let needless = self
            .needless()
            .map(|what| format!("\n\n  {EQUIVALENT} explica «{what}», que no sobrevive"));
        let details: String = unexplained.chain(needless).collect();
        format!("{mark} {id}: {}{details}", self.count().sentence())
    }
}

/// La solución, con sus señales: es la que se compila.
fn handed_out_raw(exercise: &Exercise) -> Result<String, Trouble> {
    handed_out(exercise)?;
    read(&exercise.solution())
}

/// Cuántas hay de cada clase.
#[derive(Default)]
struct Count {
    mutations: usize,
    unviable: usize,
    noticed: usize,
    explained: usize,
    unexplained: usize,
}

impl Count {
    fn add(&mut self, other: &Count) {
        self.mutations += other.mutations;
        self.unviable += other.unviable;
        self.noticed += other.noticed;
        self.explained += other.explained;
        self.unexplained += other.unexplained;
    }

    fn sentence(&self) -> String {
        format!(
            "{} mutaciones: {} no compilan, {} rechazadas, {} hacen lo mismo, {} sin explicar",
            self.mutations, self.unviable, self.noticed, self.explained, self.unexplained
        )
    }
}

/// Las que explica el archivo, si está.
fn explained(file: &PathBuf) -> Result<Vec<String>, Trouble> {
    if !fs::exists(file)? {
        return Ok(Vec::new());
    }
    let text = read(file)?;
    let named = |line: &str| Some(line.strip_prefix("- `")?.split_once("`: ")?.0.to_owned());
    Ok(text.lines().filter_map(named).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    fn mutation(name: &str, replacement: &str, columns: Range<usize>) -> Mutation {
        let place = |column| Place { line: 2, column };
        Mutation {
            name: name.to_owned(),
            replacement: replacement.to_owned(),
            span: Span { start: place(columns.start), end: place(columns.end) },
            diff: String::new(),
        }
    }

    #[test]
    fn se_cambia_lo_que_se_dice_y_nada_más() {
        let changed = mutation("", "!=", 7..9).apply("uno\nsí es == esto\ntres\n");
        assert_eq!(changed.as_deref(), Some("uno\nsí es != esto\ntres\n"));
    }

    fn census(fates: Vec<(&str, Fate)>, explained: &[&str]) -> Census {
        let mutation = |name: &str| mutation(name, "", 1..1);
        Census {
            mutations: fates.into_iter().map(|(name, fate)| (mutation(name), fate)).collect(),
            explained: explained.iter().map(|&what| what.to_owned()).collect(),
        }
    }

    #[test]
    fn lo_que_sobrevive_se_explica_y_nada_más() {
        const NAME: &str = "solucion.rs:12:5: replace == with != in a::b";
        const WHAT: &str = "replace == with != in a::b";
        for (fate, explained, sound) in [
            (Fate::Survives, &[WHAT][..], true),
            (Fate::Survives, &[], false),
            (Fate::Noticed, &[], true),
            (Fate::Noticed, &[WHAT], false),
            (Fate::Unviable, &[], true),
        ] {
            assert_eq!(census(vec![(NAME, fate)], explained).is_sound(), sound);
        }
    }
}
