//! Cómo quedó cada ejercicio de una entrega, y por qué.

use multiplexacion::cli::Trouble;

use super::allowance::{Allowance, Resource};
use super::compile::{Bench, Compiled};
use super::handed::Work;
use super::plan::Entry;
use crate::paint;
use crate::trial::Trial;

/// Lo que resultó de un ejercicio.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Graded {
    pub(super) mark: Mark,
    pub(super) points: u32,
    /// Las pruebas que fallan, en orden.
    pub(super) failed: Vec<String>,
    /// Por qué no está superado, si se probó.
    pub(super) why: String,
}

/// Cómo quedó un ejercicio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Passed,
    Failed,
    Uncompiled,
    /// Agotó algo de lo que se le permite.
    Exhausted(Resource),
    /// Las pruebas no llegaron al final.
    Broken,
    Untouched,
    Missing,
    /// Se preguntó a otra máquina, y no se pudo saber.
    Unknown,
}

/// Todas, con su palabra.
const WORDS: [(Mark, &str); 11] = [
    (Mark::Passed, "superado"),
    (Mark::Failed, "falla"),
    (Mark::Uncompiled, "no compila"),
    (Mark::Exhausted(Resource::Time), "sin tiempo"),
    (Mark::Exhausted(Resource::Memory), "sin memoria"),
    (Mark::Exhausted(Resource::Processes), "sin procesos"),
    (Mark::Exhausted(Resource::Disk), "sin disco"),
    (Mark::Broken, "no termina"),
    (Mark::Untouched, "sin empezar"),
    (Mark::Missing, "falta"),
    (Mark::Unknown, "no se sabe"),
];

impl Mark {
    pub(super) fn sign(self) -> String {
        match self {
            Mark::Passed => paint::mark(true),
            Mark::Failed => paint::mark(false),
            Mark::Uncompiled => paint::bad("c"),
            Mark::Exhausted(_) | Mark::Broken => paint::bad("!"),
            Mark::Untouched => paint::dim("·"),
            Mark::Missing => paint::dim("-"),
            Mark::Unknown => paint::bad("?"),
        }
    }

    pub(super) fn word(self) -> &'static str {
        WORDS.iter().find(|(mark, _)| *mark == self).map_or("", |(_, word)| word)
    }

    /// La que se dice así.
    pub(super) fn read(word: &str) -> Option<Mark> {
        WORDS.iter().find(|(_, it)| *it == word).map(|(mark, _)| *mark)
    }
}

impl Graded {
    /// Lo que no hizo falta probar.
    pub(super) fn untried(mark: Mark) -> Graded {
        Graded { mark, points: 0, failed: Vec::new(), why: String::new() }
    }

    pub(super) fn because(mark: Mark, why: impl Into<String>) -> Graded {
        Graded { why: why.into(), ..Graded::untried(mark) }
    }

    /// Lo que agotó algo, y ya no se puede saber más.
    fn exhausted(what: Resource, when: &str, allowed: &Allowance) -> Graded {
        Graded::because(Mark::Exhausted(what), format!("{when}, {}.", sentence(what, allowed)))
    }

    /// Prueba lo que ya está compilado.
    pub(super) fn of(
        bench: &Bench<'_>,
        entry: &Entry<'_>,
        built: &Compiled,
    ) -> Result<Graded, Trouble> {
        match built {
            Compiled::Errors(said) => Ok(Graded::because(Mark::Uncompiled, said.trim_end())),
            Compiled::Exhausted(what) => {
                Ok(Graded::exhausted(*what, "Al compilarlo", &bench.to_build()))
            }
            Compiled::Program(program) => {
                let (trial, exhausted) = bench.run(program)?;
                Ok(Graded::tried(&trial, exhausted, &bench.to_run(), entry.worth))
            }
        }
    }

    fn tried(
        trial: &Trial,
        exhausted: Option<Resource>,
        allowed: &Allowance,
        worth: u32,
    ) -> Graded {
        let failed: Vec<_> = trial.failures().map(|(test, _)| test.name.clone()).collect();
        if trial.passed() {
            return Graded { points: trial.points(worth), ..Graded::untried(Mark::Passed) };
        }
        let note = exhausted.map(|what| format!("Al probarlo, {}.", sentence(what, allowed)));
        if let Some(broken) = &trial.broken {
            // El encargado pone su límite a cada prueba: si no acabó ni él, fue lo entregado.
            let late = broken.starts_with("Las pruebas no terminaron en");
            let mark = match exhausted {
                Some(what) => Mark::Exhausted(what),
                None if late => Mark::Exhausted(Resource::Time),
                None => Mark::Broken,
            };
            return Graded {
                failed,
                ..Graded::because(mark, note.unwrap_or_else(|| broken.clone()))
            };
        }
        let Some((test, report)) = trial.failures().next() else {
            return Graded::because(Mark::Broken, "No se ejecutó ninguna prueba.");
        };
        let total = trial.tests.len();
        let note = note.map(|note| format!("{note}\n\n")).unwrap_or_default();
        let passed = total - failed.len();
        let why = format!("{note}Pasa {passed} de {total} pruebas.\n\n✗ {}\n\n{report}", test.name);
        Graded { mark: Mark::Failed, points: trial.points(worth), failed, why }
    }

    /// Si le falta poco: pasa la mitad de las pruebas o más, y no todas.
    pub(super) fn is_close(&self, entry: &Entry<'_>) -> bool {
        self.mark == Mark::Failed && self.points * 2 >= entry.worth
    }

    /// Lo que no se probó porque ya no quedaba tiempo para esa persona.
    pub(super) fn out_of_turn(work: &Work<'_>) -> Graded {
        Graded::because(
            Mark::Exhausted(Resource::Time),
            format!(
                "No se llegó a probar {}: lo demás de esta entrega agotó su tiempo.",
                work.exercise.id
            ),
        )
    }
}

fn sentence(what: Resource, allowed: &Allowance) -> String {
    match what {
        Resource::Time => format!("no dio tiempo: tiene {} s", allowed.time.as_secs()),
        Resource::Memory => format!("agotó su memoria: tiene {} MiB", allowed.memory >> 20),
        Resource::Processes => {
            format!("llegó a su límite de {} procesos e hilos", allowed.processes)
        }
        Resource::Disk => format!("llenó su disco: tiene {} MiB", allowed.disk >> 20),
    }
}

/// Cuántos superó, y los puntos que suman todos.
pub(super) fn totals(results: &[Graded]) -> (usize, u32) {
    let passed = results.iter().filter(|result| result.mark == Mark::Passed).count();
    (passed, results.iter().map(|result| result.points).sum())
}

/// Qué parte del máximo son esos puntos, en tanto por ciento y con un decimal, sin redondear hacia
/// arriba. Con ejercicios optativos puede pasar de cien.
pub(super) fn percentage(points: u32, maximum: u32) -> f64 {
    if maximum == 0 {
        return 0.0;
    }
    f64::from(points * 1000 / maximum) / 10.0
}

/// El mismo porcentaje, como se lee: `57,1 %`.
pub(super) fn percent(points: u32, maximum: u32) -> String {
    format!("{:.1} %", percentage(points, maximum)).replace('.', ",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cada_marca_tiene_su_palabra() {
        for (mark, word) in WORDS {
            assert_eq!(Mark::read(word), Some(mark));
            assert_eq!(mark.word(), word);
        }
        assert_eq!(Mark::read("=1+1"), None);
    }

    #[test]
    fn a_quien_le_falta_poco_se_le_repite_y_a_los_demás_no() {
        let folder = tempfile::TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("02_02_1_eco")).unwrap();
        let statement = "# Eco\n\nLección 02_02 · unos 20 minutos\n";
        std::fs::write(folder.path().join("02_02_1_eco/enunciado.md"), statement).unwrap();
        let course = crate::course::Course::at(folder.path().to_owned()).unwrap();
        let entry = Entry { exercise: &course.exercises[0], worth: 20, extra: false };
        let failed = |points| Graded { points, ..Graded::untried(Mark::Failed) };
        assert!(failed(17).is_close(&entry) && failed(10).is_close(&entry));
        assert!(!failed(9).is_close(&entry) && !failed(0).is_close(&entry));
        assert!(!Graded::untried(Mark::Broken).is_close(&entry));
    }

    #[test]
    fn el_porcentaje_no_redondea_hacia_arriba() {
        assert!((percentage(2, 3) - 66.6).abs() < 1e-9);
        assert!((percentage(775, 775) - 100.0).abs() < 1e-9);
        assert!((percentage(12, 10) - 120.0).abs() < 1e-9);
        assert!(percentage(0, 0).abs() < 1e-9);
    }

    #[test]
    fn lo_que_se_agotó_se_dice() {
        let broken = Trial { tests: Vec::new(), broken: Some("Alguien…".to_owned()) };
        let graded = Graded::tried(&broken, Some(Resource::Memory), &Allowance::RUN, 20);
        assert_eq!(graded.mark.word(), "sin memoria");
        assert_eq!(graded.why, "Al probarlo, agotó su memoria: tiene 1024 MiB.");
        assert_eq!(graded.points, 0);
        assert_eq!(Graded::tried(&broken, None, &Allowance::RUN, 20).mark, Mark::Broken);
    }
}
