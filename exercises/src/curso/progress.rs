//! Lo que ya se hizo: un archivo de texto, `exercises/.progreso`, una línea por ejercicio.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;

use crate::course::{self, Course, Exercise};

const HEADING: &str = "# Lo que recuerda «cargo curso». Si lo borras, solo olvida.\n";

/// Lo que se recuerda de los ejercicios.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    file: PathBuf,
    records: BTreeMap<String, Record>,
}

/// Lo que se recuerda de uno.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) passed: bool,
    pub(crate) surrendered: bool,
    /// Pistas ya vistas.
    pub(crate) hints: usize,
}

impl Progress {
    /// Lo recordado en este curso; nada, si aún no hay archivo.
    pub(crate) fn of(course: &Course) -> Progress {
        Progress::read(&course.folder.join(".progreso"))
    }

    fn read(file: &Path) -> Progress {
        let text = fs::read_to_string(file).unwrap_or_default();
        let records = text.lines().filter(|line| !line.starts_with('#')).filter_map(parse);
        Progress { file: file.to_owned(), records: records.collect() }
    }

    pub(crate) fn record(&self, exercise: &Exercise) -> Record {
        self.records.get(&exercise.id).copied().unwrap_or_default()
    }

    pub(crate) fn passed(&self, exercise: &Exercise) -> bool {
        self.record(exercise).passed
    }

    /// El primero que falta, si falta alguno.
    pub(crate) fn next<'a>(&self, course: &'a Course) -> Option<&'a Exercise> {
        course.exercises.iter().find(|exercise| !self.passed(exercise))
    }

    /// Cambia lo que se recuerda de un ejercicio, y lo guarda.
    pub(crate) fn note(
        &mut self,
        exercise: &Exercise,
        change: impl FnOnce(&mut Record),
    ) -> Result<(), Trouble> {
        let before = self.record(exercise);
        let mut record = before;
        change(&mut record);
        if record == before {
            return Ok(());
        }
        if record == Record::default() {
            self.records.remove(&exercise.id);
        } else {
            self.records.insert(exercise.id.clone(), record);
        }
        self.save()
    }

    fn save(&self) -> Result<(), Trouble> {
        // Primero en otro archivo: si el disco se llena a medias, el de antes sigue entero.
        let draft = self.file.with_extension("nuevo");
        course::write(&draft, self.to_text())?;
        fs::rename(&draft, &self.file)?;
        Ok(())
    }

    fn to_text(&self) -> String {
        let mut text = HEADING.to_owned();
        for (id, record) in &self.records {
            text.push_str(id);
            text.push_str(if record.passed { " superado" } else { "" });
            text.push_str(if record.surrendered { " rendido" } else { "" });
            if record.hints > 0 {
                let _ = write!(text, " pistas={}", record.hints);
            }
            text.push('\n');
        }
        text
    }
}

/// Lo que no se entiende de una línea se pasa por alto: puede ser de una versión posterior.
fn parse(line: &str) -> Option<(String, Record)> {
    let mut words = line.split_whitespace();
    let id = words.next()?.to_owned();
    let mut record = Record::default();
    for word in words {
        match word.split_once('=') {
            None if word == "superado" => record.passed = true,
            None if word == "rendido" => record.surrendered = true,
            Some(("pistas", count)) => record.hints = count.parse().unwrap_or(0),
            _ => {}
        }
    }
    Some((id, record))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_se_escribe_se_vuelve_a_leer() {
        let text = format!("{HEADING}02_02_1_eco superado pistas=2\n02_02_2_hilos rendido\n");
        let records: BTreeMap<_, _> = text.lines().skip(1).filter_map(parse).collect();
        assert_eq!(records["02_02_1_eco"], Record { passed: true, surrendered: false, hints: 2 });
        assert_eq!(Progress { file: PathBuf::new(), records }.to_text(), text);
    }
}
