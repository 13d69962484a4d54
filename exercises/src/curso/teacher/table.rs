//! La tabla: una fila por persona, en CSV (RFC 4180), escrita según se termina con cada una.
//!
//! También es la memoria de lo hecho: quien vuelve a dar la misma orden sigue donde lo dejó.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, WriterBuilder};
use multiplexacion::cli::Trouble;
use multiplexacion::errors;

use super::handed::Moment;
use super::mark::{Graded, Mark, percentage, totals};
use super::plan::Plan;

/// Lo que separa las pruebas que fallan dentro de su casilla.
const BETWEEN: &str = " | ";

/// Lo que se sabe de una persona.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) name: String,
    /// En el orden del plan.
    pub(super) results: Vec<Graded>,
    pub(super) moment: Moment,
    /// Quién lo calificó: esta máquina, o la integración continua de quien lo entregó; y si de ella no
    /// se pudo saber nada, por qué.
    pub(super) source: String,
    /// La huella de lo entregado.
    pub(super) print: String,
}

impl Row {
    pub(super) fn points(&self) -> u32 {
        totals(&self.results).1
    }

    /// Por qué no se sabe cómo le fue, si no se sabe.
    pub(super) fn unknown(&self) -> Option<&str> {
        let unknown = self.results.iter().find(|result| result.mark == Mark::Unknown);
        unknown.map(|result| result.why.as_str())
    }

    fn cells(&self, plan: &Plan<'_>) -> Vec<String> {
        let (passed, points) = totals(&self.results);
        let maximum = plan.maximum();
        // De quien no se sabe nada no se escribe un cero: parecería su nota.
        let known = |text: String| if self.unknown().is_some() { String::new() } else { text };
        let mut cells = vec![inert(&self.name), known(passed.to_string())];
        cells.extend([known(points.to_string()), maximum.to_string()]);
        cells.push(known(format!("{:.1}", percentage(points, maximum))));
        cells.extend(self.results.iter().map(|result| result.mark.word().to_owned()));
        cells.extend(self.results.iter().map(|result| known(result.points.to_string())));
        cells.extend(self.results.iter().map(|result| inert(&result.failed.join(BETWEEN))));
        let Moment { date, commit } = &self.moment;
        cells.extend([date, commit, &self.source, &self.print].map(|text| inert(text)));
        cells
    }

    /// La que dicen esas casillas.
    fn read(record: &StringRecord, exercises: usize) -> Option<Row> {
        let cell = |place: usize| record.get(place).map(|text| live(text).to_owned());
        let result = |place: usize| {
            let failed = cell(5 + 2 * exercises + place)?;
            let failed = failed.split(BETWEEN).filter(|name| !name.is_empty()).map(str::to_owned);
            let (mark, points) = (Mark::read(&cell(5 + place)?)?, cell(5 + exercises + place)?);
            Some(Graded {
                mark,
                points: if mark == Mark::Unknown { 0 } else { points.parse().ok()? },
                failed: failed.collect(),
                why: String::new(),
            })
        };
        let rest = 5 + 3 * exercises;
        Some(Row {
            name: cell(0)?,
            results: (0..exercises).map(result).collect::<Option<_>>()?,
            moment: Moment { date: cell(rest)?, commit: cell(rest + 1)? },
            source: cell(rest + 2)?,
            print: cell(rest + 3)?,
        })
    }
}

fn header(plan: &Plan<'_>) -> Vec<String> {
    let own = |prefix: &str| plan.ids().map(|id| format!("{prefix}{id}")).collect::<Vec<_>>();
    let first = ["carpeta", "superados", "puntos", "maximo", "porcentaje"].map(str::to_owned);
    let last = ["fecha", "commit", "origen", "huella"].map(str::to_owned);
    [first.to_vec(), own(""), own("puntos_"), own("falla_"), last.to_vec()].concat()
}

/// La tabla que se está escribiendo, si se pidió.
#[derive(Debug)]
pub(super) struct Table<'a> {
    plan: &'a Plan<'a>,
    file: Option<(PathBuf, File)>,
    /// Las filas que ya estaban, tal como estaban: quien enseña pudo corregir alguna a mano.
    known: Vec<StringRecord>,
}

impl<'a> Table<'a> {
    /// Sin archivo, no se escribe nada. Si el archivo ya tiene una tabla de este plan, se continúa.
    ///
    /// # Errors
    /// No se puede leer o escribir, o es otra cosa.
    pub(super) fn open(plan: &'a Plan<'a>, path: Option<&Path>) -> Result<Table<'a>, Trouble> {
        let Some(path) = path else { return Ok(Table { plan, file: None, known: Vec::new() }) };
        let known = match fs::read_to_string(path) {
            Ok(text) => rows(&text, plan).ok_or_else(|| {
                Trouble::new(
                    format!("«{}» tiene otra cosa, o la tabla de otro plan", path.display()),
                    "indica otro archivo con --csv, o bórralo para empezar de nuevo",
                )
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(cannot_write(path, &error)),
        };
        let open = || OpenOptions::new().create(true).append(true).open(path);
        let file = open().map_err(|error| cannot_write(path, &error))?;
        let mut table = Table { plan, file: Some((path.to_owned(), file)), known };
        // La última pudo quedar a medias, sin su fin de línea: la siguiente se escribiría pegada.
        table.rewrite(&[])?;
        Ok(table)
    }

    /// La fila de esa persona, si ya estaba y lo que entregó es lo mismo.
    pub(super) fn done(&self, name: &str, print: &str) -> Option<Row> {
        let own = self.known.iter().filter(|record| named(record) == name);
        let mut rows = own.filter_map(|record| Row::read(record, self.plan.entries.len()));
        rows.find(|row| row.print == print)
    }

    /// Añade una fila, y la deja escrita.
    pub(super) fn add(&mut self, row: &Row) -> Result<(), Trouble> {
        let line = line(&row.cells(self.plan));
        let Some((path, file)) = &mut self.file else { return Ok(()) };
        file.write_all(&line).and_then(|()| file.sync_data()).map_err(|it| cannot_write(path, &it))
    }

    /// Deja en el archivo una fila por persona: esas, y las que ya estaban de las demás.
    pub(super) fn rewrite(&mut self, rows: &[Row]) -> Result<(), Trouble> {
        let Some((path, _)) = &self.file else { return Ok(()) };
        let mut text = line(&header(self.plan));
        text.extend(self.merged(rows).iter().flat_map(|cells| line(cells)));
        // O la tabla de antes, o la de ahora: nunca media.
        let mut beside = path.clone().into_os_string();
        beside.push(".nuevo");
        let replaced = fs::write(&beside, text)
            .and_then(|()| fs::rename(&beside, path))
            .and_then(|()| OpenOptions::new().append(true).open(path));
        let file = replaced.map_err(|error| cannot_write(path, &error))?;
        self.file = Some((path.clone(), file));
        Ok(())
    }

    /// Las que ya estaban, en su sitio, y las nuevas detrás. De cada persona vale la última.
    fn merged(&self, rows: &[Row]) -> Vec<Vec<String>> {
        let old = self.known.iter().map(|record| {
            (named(record).to_owned(), record.iter().map(str::to_owned).collect::<Vec<_>>())
        });
        let new = rows.iter().map(|row| (row.name.clone(), row.cells(self.plan)));
        let (mut merged, mut places) = (Vec::new(), HashMap::new());
        for (name, cells) in old.chain(new) {
            let place = *places.entry(name).or_insert(merged.len());
            if place == merged.len() {
                merged.push(cells);
            } else {
                merged[place] = cells;
            }
        }
        merged
    }
}

/// De quién es una fila.
fn named(record: &StringRecord) -> &str {
    live(record.get(0).unwrap_or_default())
}

fn cannot_write(path: &Path, error: &io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede escribir «{}»: {}", path.display(), errors::reason(error)),
        "revisa los permisos de la carpeta y el sitio en el disco, o indica otro archivo",
    )
}

/// Las filas de una tabla de ese plan; nada, si es otra cosa. De la que quedó a medias no se sabe nada.
fn rows(text: &str, plan: &Plan<'_>) -> Option<Vec<StringRecord>> {
    if text.trim().is_empty() {
        return Some(Vec::new());
    }
    let mut reader = ReaderBuilder::new().flexible(true).from_reader(text.as_bytes());
    let present = reader.headers().ok()?;
    if present.iter().ne(header(plan).iter().map(String::as_str)) {
        return None;
    }
    let whole = header(plan).len();
    let records = reader.records().filter_map(Result::ok);
    Some(records.filter(|record| record.len() == whole).collect())
}

/// Una línea de CSV.
pub(super) fn line(cells: &[String]) -> Vec<u8> {
    let mut writer = WriterBuilder::new().from_writer(Vec::new());
    // Escribir en memoria no falla.
    let _ = writer.write_record(cells);
    writer.into_inner().unwrap_or_default()
}

/// Una hoja de cálculo tomaría por fórmula lo que empieza así: se le pone delante un apóstrofo, como
/// haría ella.
pub(super) fn inert(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\'']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

/// Lo contrario de [`inert`].
fn live(text: &str) -> &str {
    text.strip_prefix('\'').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::{Course, write};

    fn course() -> (tempfile::TempDir, Course) {
        let folder = tempfile::TempDir::new().unwrap();
        for id in ["02_02_1_eco", "02_02_2_hilos"] {
            fs::create_dir(folder.path().join(id)).unwrap();
            let file = folder.path().join(id).join("enunciado.md");
            write(&file, "# Algo\n\nLección 02_02 · unos 20 minutos\n").unwrap();
        }
        let course = Course::at(folder.path().to_owned()).unwrap();
        (folder, course)
    }

    fn row(name: &str, print: &str) -> Row {
        let failed = vec!["una, con coma".to_owned(), "otra".to_owned()];
        let half = Graded { mark: Mark::Failed, points: 5, failed, why: String::new() };
        let moment = Moment { date: "2026-11-28T10:00:00Z".to_owned(), commit: String::new() };
        let results = vec![half, Graded::untried(Mark::Missing)];
        let (name, print, source) = (name.to_owned(), print.to_owned(), "clase".to_owned());
        Row { name, results, moment, source, print }
    }

    #[test]
    fn cualquier_nombre_se_escribe_y_se_vuelve_a_leer() {
        let (folder, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let path = folder.path().join("notas.csv");
        let names =
            ["ana", "pérez, \"ana\"", "=1+1", "'x", "con\nlínea", "@a", "-b", "../x", " c "];
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        for name in names {
            table.add(&row(name, "1")).unwrap();
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("\n=1+1") && text.contains("\n'=1+1"), "{text}");
        let again = Table::open(&plan, Some(&path)).unwrap();
        assert_eq!(again.known.len(), names.len());
        for name in names {
            assert_eq!(again.done(name, "1"), Some(row(name, "1")));
            assert_eq!(again.done(name, "2"), None);
        }
    }

    /// Quiénes tienen fila en ese archivo, en orden.
    fn names(path: &Path) -> Vec<String> {
        let mut reader = ReaderBuilder::new().from_path(path).unwrap();
        reader.records().map(|record| named(&record.unwrap()).to_owned()).collect()
    }

    #[test]
    fn quien_no_se_nombra_conserva_su_fila() {
        let (folder, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let path = folder.path().join("notas.csv");
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        table.rewrite(&["ana", "=b", "eva"].map(|name| row(name, "1"))).unwrap();
        // Quien enseña corrigió una a mano, con una palabra que aquí no se usa.
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replacen("ana,0,5,40,12.5,falla", "ana,0,5,40,12.5,justificada", 1))
            .unwrap();
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        for (name, print) in [("=b", "2"), ("zoe", "1")] {
            table.add(&row(name, print)).unwrap();
        }
        // También si se interrumpe antes de rehacer la tabla: de cada persona, su última fila.
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        assert_eq!(names(&path), ["ana", "=b", "eva", "zoe"]);
        table.rewrite(&[row("beto", "1"), row("eva", "2")]).unwrap();
        assert_eq!(names(&path), ["ana", "=b", "eva", "zoe", "beto"]);
        let again = Table::open(&plan, Some(&path)).unwrap();
        for (name, print) in [("=b", "2"), ("eva", "2"), ("zoe", "1"), ("beto", "1")] {
            assert_eq!(again.done(name, print), Some(row(name, print)));
        }
        assert!(again.done("=b", "1").is_none() && again.done("ana", "1").is_none());
        assert!(fs::read_to_string(&path).unwrap().contains("ana,0,5,40,12.5,justificada"));
    }

    #[test]
    fn de_quien_no_se_sabe_no_se_escribe_un_cero_y_su_fila_se_conserva() {
        let (folder, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let path = folder.path().join("notas.csv");
        let unknown = || Graded::because(Mark::Unknown, "no contesta");
        let lost = Row { results: vec![unknown(), unknown()], ..row("ana", "1") };
        assert_eq!(lost.unknown(), Some("no contesta"));
        assert_eq!(row("ana", "1").unknown(), None);
        Table::open(&plan, Some(&path)).unwrap().rewrite(&[lost]).unwrap();
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        assert!(table.done("ana", "1").is_some_and(|row| row.unknown().is_some()));
        table.rewrite(&[row("beto", "1")]).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\nana,,,40,,no se sabe,no se sabe,,,"), "{text}");
        assert_eq!(names(&path), ["ana", "beto"]);
    }

    #[test]
    fn una_fila_a_medias_se_vuelve_a_hacer_y_otra_tabla_no_se_toca() {
        let (folder, course) = course();
        let plan = Plan::choose(&course, None, &[]).unwrap();
        let path = folder.path().join("notas.csv");
        let mut table = Table::open(&plan, Some(&path)).unwrap();
        table.add(&row("ana", "1")).unwrap();
        table.add(&row("beto", "1")).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, &text[..text.len() - 40]).unwrap();
        let mut again = Table::open(&plan, Some(&path)).unwrap();
        assert!(again.done("ana", "1").is_some() && again.done("beto", "1").is_none());
        again.add(&row("eva", "1")).unwrap();
        assert_eq!(names(&path), ["ana", "eva"]);
        let other = Plan::choose(&course, None, &["eco".to_owned()]).unwrap();
        assert!(Table::open(&other, Some(&path)).is_err());
        fs::write(&path, "mis cosas\n").unwrap();
        assert!(Table::open(&plan, Some(&path)).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "mis cosas\n");
    }
}
