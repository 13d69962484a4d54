//! Lo que ya se hizo: un archivo de texto, `exercises/.progreso`, una línea por ejercicio.
//!
//! Pueden escribir en él varios `cargo curso` a la vez, uno por terminal: cada apunte vuelve a leer
//! lo que haya, con el candado cerrado, y cambia solo lo suyo.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::errors;
use nix::fcntl::{Flock, FlockArg};

use crate::course::{self, Course, Exercise};

const HEADING: &str = "# Lo que recuerda «cargo curso». Si lo borras, solo olvida.\n";

/// Lo que se recuerda de los ejercicios.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    file: PathBuf,
    records: BTreeMap<String, Record>,
}

/// Lo que se recuerda de uno.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) passed: bool,
    pub(crate) surrendered: bool,
    /// Pistas ya vistas.
    pub(crate) hints: usize,
    /// Lo que apuntó una versión posterior, y aquí no se entiende: se guarda como está.
    unknown: Vec<String>,
}

impl Record {
    /// Suma lo que se recuerda del mismo ejercicio en otra copia.
    pub(crate) fn join(&mut self, other: &Record) {
        self.passed |= other.passed;
        self.surrendered |= other.surrendered;
        self.hints = self.hints.max(other.hints);
    }
}

impl Progress {
    /// Lo recordado en este curso; nada, si aún no hay archivo.
    pub(crate) fn of(course: &Course) -> Result<Progress, Trouble> {
        Progress::read(&course.folder.join(".progreso"))
    }

    fn read(file: &Path) -> Result<Progress, Trouble> {
        let bytes = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            // Con un error cualquiera no se sigue: el próximo apunte borraría los demás.
            read => read.map_err(|error| unreadable(file, &error))?,
        };
        let text = String::from_utf8_lossy(&bytes);
        let records = text.lines().filter(|line| !line.starts_with('#')).filter_map(parse);
        Ok(Progress { file: file.to_owned(), records: records.collect() })
    }

    pub(crate) fn record(&self, exercise: &Exercise) -> Record {
        self.records.get(&exercise.id).cloned().unwrap_or_default()
    }

    pub(crate) fn passed(&self, exercise: &Exercise) -> bool {
        self.record(exercise).passed
    }

    /// El primero que falta, si falta alguno.
    pub(crate) fn next<'a>(&self, course: &'a Course) -> Option<&'a Exercise> {
        course.exercises.iter().find(|exercise| !self.passed(exercise))
    }

    /// Cambia lo que se recuerda de un ejercicio, y lo guarda. Devuelve lo que queda apuntado.
    ///
    /// `change` parte de lo que diga el archivo en ese momento, y no de lo que se leyó al empezar.
    pub(crate) fn note(
        &mut self,
        exercise: &Exercise,
        change: impl FnOnce(&mut Record),
    ) -> Result<Record, Trouble> {
        let _lock = self.lock()?;
        *self = Progress::read(&self.file)?;
        let before = self.record(exercise);
        let mut record = before.clone();
        change(&mut record);
        if record != before {
            self.records.insert(exercise.id.clone(), record.clone());
            self.records.retain(|_, record| *record != Record::default());
            self.save().map_err(|error| course::unwritable(&self.file, &error))?;
        }
        Ok(record)
    }

    /// El candado, que se abre al descartarlo (flock(2)). Es otro archivo, porque el de los apuntes
    /// se sustituye entero.
    fn lock(&self) -> Result<Option<Flock<File>>, Trouble> {
        let path = self.file.with_extension("candado");
        let file = File::create(&path).map_err(|error| course::unwritable(&path, &error))?;
        // Hay discos de red que no saben de candados: ahí se apunta sin él.
        Ok(Flock::lock(file, FlockArg::LockExclusive).ok())
    }

    /// Lo escribe en otro archivo, que ocupa el lugar del anterior cuando ya está en el disco: nadie
    /// lo lee a medias, tampoco si el disco se llena o se va la luz.
    fn save(&self) -> io::Result<()> {
        let draft = self.file.with_extension("nuevo");
        let mut file = File::create(&draft)?;
        file.write_all(self.to_text().as_bytes())?;
        file.sync_all()?;
        fs::rename(&draft, &self.file)
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
            for word in &record.unknown {
                let _ = write!(text, " {word}");
            }
            text.push('\n');
        }
        text
    }
}

fn parse(line: &str) -> Option<(String, Record)> {
    let mut words = line.split_whitespace();
    let id = words.next()?.to_owned();
    let mut record = Record::default();
    for word in words {
        match word.split_once('=') {
            None if word == "superado" => record.passed = true,
            None if word == "rendido" => record.surrendered = true,
            Some(("pistas", count)) => record.hints = count.parse().unwrap_or(0),
            _ => record.unknown.push(word.to_owned()),
        }
    }
    Some((id, record))
}

fn unreadable(file: &Path, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede leer «{}»: {}", file.display(), errors::reason(error)),
        "revisa sus permisos, o bórralo para empezar de cero",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lo_que_se_escribe_se_vuelve_a_leer() {
        let text =
            format!("{HEADING}02_02_1_eco superado pistas=2\n02_02_2_hilos rendido nota=10\n");
        let records: BTreeMap<_, _> = text.lines().skip(1).filter_map(parse).collect();
        let eco = &records["02_02_1_eco"];
        assert_eq!((eco.passed, eco.surrendered, eco.hints), (true, false, 2));
        assert_eq!(Progress { file: PathBuf::new(), records }.to_text(), text);
    }
}
