//! El plan: qué ejercicios cuentan, y cuánto.

use std::path::Path;

use multiplexacion::cli::Trouble;

use crate::course::{Course, Exercise, read};

/// Los ejercicios que cuentan, en orden.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    pub(super) entries: Vec<Entry<'a>>,
}

/// Un ejercicio que cuenta.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) exercise: &'a Exercise,
    /// Los puntos que vale.
    pub(super) worth: u32,
    /// Si suma sin que haga falta para llegar al máximo.
    pub(super) extra: bool,
}

impl<'a> Plan<'a> {
    /// Todos, y cada uno vale los minutos de su enunciado.
    fn whole(course: &'a Course) -> Plan<'a> {
        let entry =
            |exercise: &'a Exercise| Entry { exercise, worth: exercise.minutes, extra: false };
        Plan { entries: course.exercises.iter().map(entry).collect() }
    }

    /// El que dice `file`, o todos; y de ellos, solo `only`, si hay alguno.
    ///
    /// # Errors
    /// El archivo no se entiende, nombra lo que no existe, o no queda ninguno.
    pub(super) fn choose(
        course: &'a Course,
        file: Option<&Path>,
        only: &[String],
    ) -> Result<Plan<'a>, Trouble> {
        let mut plan = match file {
            Some(file) => Plan::parse(course, &read(file)?)?,
            None => Plan::whole(course),
        };
        if !only.is_empty() {
            let wanted: Vec<_> =
                only.iter().map(|what| named(course, what)).collect::<Result<_, _>>()?;
            plan.entries
                .retain(|entry| wanted.iter().flatten().any(|it| it.id == entry.exercise.id));
        }
        if plan.entries.is_empty() {
            return Err(Trouble::new("no queda ningún ejercicio que calificar", FORMAT));
        }
        Ok(plan)
    }

    /// Una línea por ejercicio o por lección: `02_02_4_tope 30 extra`. Tras `#`, lo que se quiera.
    fn parse(course: &'a Course, text: &str) -> Result<Plan<'a>, Trouble> {
        let mut entries: Vec<Entry<'a>> = Vec::new();
        for (number, line) in text.trim_start_matches('\u{FEFF}').lines().enumerate() {
            let line = line.split('#').next().unwrap_or_default();
            let mut words = line.split_whitespace();
            let Some(what) = words.next() else { continue };
            let wrong = |why: &str| {
                Trouble::new(format!("la línea {} del plan no vale: {why}", number + 1), FORMAT)
            };
            let mut worth = words.next();
            let mut extra = words.next();
            if worth == Some("extra") {
                extra = worth.take();
            }
            let worth = worth.map(str::parse::<u32>).transpose();
            let worth = worth.map_err(|_| wrong("los puntos son un número entero"))?;
            if extra.is_some_and(|word| word != "extra") || words.next().is_some() {
                return Err(wrong("sobra algo"));
            }
            for exercise in named(course, what).map_err(|trouble| wrong(&trouble.to_string()))? {
                // Lo que se dice después de un ejercicio vale más que lo dicho de su lección.
                entries.retain(|entry| entry.exercise.id != exercise.id);
                let worth = worth.unwrap_or(exercise.minutes);
                entries.push(Entry { exercise, worth, extra: extra.is_some() });
            }
        }
        let place =
            |entry: &Entry<'_>| course.exercises.iter().position(|it| it.id == entry.exercise.id);
        entries.sort_by_key(place);
        Ok(Plan { entries })
    }

    /// Los puntos que hacen el cien por cien.
    pub(super) fn maximum(&self) -> u32 {
        self.entries.iter().filter(|entry| !entry.extra).map(|entry| entry.worth).sum()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &'a str> {
        self.entries.iter().map(|entry| entry.exercise.id.as_str())
    }
}

const FORMAT: &str = "escribe un ejercicio por línea, con sus puntos si no son sus minutos: \
                      «02_02_4_tope 30», o «02_02_4_tope 30 extra» si no cuenta para el máximo";

/// Los de una lección, o el que se llama así.
fn named<'a>(course: &'a Course, what: &str) -> Result<Vec<&'a Exercise>, Trouble> {
    let lesson: Vec<_> = course.exercises.iter().filter(|it| it.lesson == what).collect();
    if lesson.is_empty() { course.find(what).map(|exercise| vec![exercise]) } else { Ok(lesson) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;

    fn course() -> (tempfile::TempDir, Course) {
        let folder = tempfile::TempDir::new().unwrap();
        for id in ["02_02_1_eco", "02_02_2_hilos", "02_03_1_enviar"] {
            std::fs::create_dir(folder.path().join(id)).unwrap();
            let file = folder.path().join(id).join("enunciado.md");
            write(&file, "# Algo\n\nLección 02_02 · unos 20 minutos\n").unwrap();
        }
        let course = Course::at(folder.path().to_owned()).unwrap();
        (folder, course)
    }

    fn told(plan: &Plan<'_>) -> Vec<(String, u32, bool)> {
        let entries = plan.entries.iter();
        entries.map(|it| (it.exercise.id.clone(), it.worth, it.extra)).collect()
    }

    #[test]
    fn un_plan_elige_pesa_y_aparta_los_optativos() {
        let (_folder, course) = course();
        let text = "\u{FEFF}# La segunda parte\r\n02_03 50\r\n02_02 # sus minutos\nhilos extra\n";
        let plan = Plan::parse(&course, text).unwrap();
        let expected = [
            ("02_02_1_eco", 20, false),
            ("02_02_2_hilos", 20, true),
            ("02_03_1_enviar", 50, false),
        ];
        assert_eq!(told(&plan), expected.map(|(id, worth, extra)| (id.to_owned(), worth, extra)));
        assert_eq!(plan.maximum(), 70);
    }

    #[test]
    fn sin_plan_cuentan_todos_y_se_puede_pedir_solo_alguno() {
        let (_folder, course) = course();
        assert_eq!(Plan::choose(&course, None, &[]).unwrap().maximum(), 60);
        let plan = Plan::choose(&course, None, &["02_03".to_owned(), "eco".to_owned()]).unwrap();
        assert_eq!(plan.ids().collect::<Vec<_>>(), ["02_02_1_eco", "02_03_1_enviar"]);
    }

    #[test]
    fn un_plan_que_no_se_entiende_dice_en_qué_línea() {
        let (_folder, course) = course();
        for (text, why) in [
            ("eco\n02_09 3\n", "línea 2"),
            ("eco mucho\n", "número entero"),
            ("eco 3 extra más\n", "sobra algo"),
            ("eco -3\n", "número entero"),
        ] {
            let trouble = Plan::parse(&course, text).unwrap_err().to_string();
            assert!(trouble.contains(why), "{trouble}");
        }
    }
}
