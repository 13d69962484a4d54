//! Los ejercicios que hay: cada uno es una carpeta, y lo que se sabe de él está en ella.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::errors;

use crate::starter::starter;

/// El principio de un ejercicio, en las copias que se reparten.
pub(crate) const STARTER: &str = "inicio.rs";

/// Los ejercicios, en orden.
#[derive(Debug)]
pub(crate) struct Course {
    /// La carpeta `exercises`.
    pub(crate) folder: PathBuf,
    pub(crate) exercises: Vec<Exercise>,
}

/// Un ejercicio.
#[derive(Clone, Debug)]
pub(crate) struct Exercise {
    /// `02_02_1_eco`.
    pub(crate) id: String,
    /// `02_02`.
    pub(crate) lesson: String,
    number: u32,
    /// La primera línea de su enunciado.
    pub(crate) title: String,
    /// Lo que dice su enunciado que cuesta.
    pub(crate) minutes: u32,
    pub(crate) folder: PathBuf,
}

impl Course {
    /// Los de este curso.
    ///
    /// # Errors
    /// No se encuentra la carpeta, o algún enunciado no tiene lo que debe.
    pub(crate) fn open() -> Result<Course, Trouble> {
        // `cargo run` dice dónde está el paquete; quien copió el programa suelto, no.
        let folder = env::var_os("CURSO_CARPETA")
            .or_else(|| env::var_os("CARGO_MANIFEST_DIR"))
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        Course::at(folder)
    }

    /// Los que hay en `folder`.
    pub(crate) fn at(folder: PathBuf) -> Result<Course, Trouble> {
        let entries = fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))?;
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut exercises = names
            // Sin enunciado, aún no es un ejercicio: alguien está empezando a escribirlo.
            .filter(|name| split(name).is_some() && folder.join(name).join("enunciado.md").exists())
            .map(|id| Exercise::read(id, &folder))
            .collect::<Result<Vec<_>, _>>()?;
        exercises.sort_by(|a, b| (&a.lesson, a.number).cmp(&(&b.lesson, b.number)));
        Ok(Course { folder, exercises })
    }

    /// La carpeta del repositorio.
    pub(crate) fn repository(&self) -> &Path {
        self.folder.parent().unwrap_or(&self.folder)
    }

    /// El ejercicio que se llama así, o el único cuyo nombre contiene eso.
    ///
    /// # Errors
    /// No hay ninguno, o hay varios.
    pub(crate) fn find(&self, id: &str) -> Result<&Exercise, Trouble> {
        if let Some(exercise) = self.exercises.iter().find(|exercise| exercise.id == id) {
            return Ok(exercise);
        }
        let similar: Vec<_> =
            self.exercises.iter().filter(|exercise| exercise.id.contains(id)).collect();
        match similar[..] {
            [exercise] => Ok(exercise),
            [] => Err(Trouble::new(
                format!("no hay ningún ejercicio «{id}»"),
                match self.nearest(id) {
                    Some(near) => {
                        format!("{near}, que se parece, o míralos con «cargo curso lista»")
                    }
                    None => "míralos con «cargo curso lista»".to_owned(),
                },
            )),
            _ => {
                let ids: Vec<_> = similar.iter().map(|exercise| exercise.id.as_str()).collect();
                Err(Trouble::new(
                    format!("«{id}» puede ser {}", ids.join(", ")),
                    "escribe algo más del nombre",
                ))
            }
        }
    }

    /// El ejercicio cuyo nombre, entero o sin su lección, más se parece.
    fn nearest(&self, id: &str) -> Option<&str> {
        const ALIKE: f64 = 0.6;
        let wanted = id.to_lowercase();
        let likeness = |id: &&str| {
            let name = id.splitn(4, '_').last().unwrap_or(id);
            let [whole, short] = [*id, name].map(|it| strsim::normalized_levenshtein(&wanted, it));
            whole.max(short)
        };
        let ids = self.exercises.iter().map(|exercise| exercise.id.as_str());
        let nearest = ids.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
        nearest.filter(|id| likeness(id) >= ALIKE)
    }

    /// Las lecciones que tienen ejercicios, en orden.
    pub(crate) fn lessons(&self) -> Vec<&str> {
        let mut lessons: Vec<_> = self.exercises.iter().map(|it| it.lesson.as_str()).collect();
        lessons.dedup();
        lessons
    }
}

impl Exercise {
    fn read(id: String, course: &Path) -> Result<Exercise, Trouble> {
        let folder = course.join(&id);
        let (lesson, number) = split(&id).unwrap_or_default();
        let statement = read(&folder.join("enunciado.md"))?;
        let title = statement.lines().next().and_then(|line| line.strip_prefix("# "));
        let minutes = statement.split_once("unos ").and_then(|(_, rest)| rest.split_once(" minut"));
        let minutes = minutes.and_then(|(minutes, _)| minutes.trim().parse().ok());
        let (Some(title), Some(minutes)) = (title, minutes) else {
            return Err(Trouble::new(
                format!("el enunciado de {id} no dice su título o sus minutos"),
                "empieza con «# Título» y, dos líneas después, «Lección 02_02 · unos 20 minutos»",
            ));
        };
        let (lesson, title) = (lesson.to_owned(), title.to_owned());
        Ok(Exercise { id, lesson, number, title, minutes, folder })
    }

    /// El archivo de quien aprende.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join("ejercicio.rs")
    }

    /// El mismo archivo, tal como estaba al principio: sale de la solución. Las copias que se
    /// reparten no la llevan, y lo tienen escrito en `inicio.rs`.
    pub(crate) fn starter(&self) -> Result<String, Trouble> {
        if !self.solution().exists() {
            return read(&self.folder.join(STARTER));
        }
        starter(&read(&self.solution())?, &self.work_name()).map_err(|why| {
            Trouble::new(
                format!("de la solución de {} no sale su principio: {why}", self.id),
                "las señales se explican en exercises/LEEME.md",
            )
        })
    }

    pub(crate) fn solution(&self) -> PathBuf {
        self.folder.join("solucion.rs")
    }

    /// Si está su solución. Las copias que se reparten no la llevan.
    pub(crate) fn has_solution(&self) -> bool {
        self.solution().exists()
    }

    /// Si lo que se escribe es un servidor, que se puede poner en marcha.
    pub(crate) fn is_server(&self) -> bool {
        fs::read_to_string(self.folder.join("pruebas.rs"))
            .is_ok_and(|tests| tests.contains("by_hand!("))
    }

    /// Su enunciado.
    pub(crate) fn statement(&self) -> Result<String, Trouble> {
        read(&self.folder.join("enunciado.md"))
    }

    /// Las tres pistas: título y texto.
    pub(crate) fn hints(&self) -> Result<Vec<String>, Trouble> {
        let text = read(&self.folder.join("pistas.md"))?;
        let hints = text.split("\n## ").skip(1);
        Ok(hints.map(|hint| hint.trim_end().to_owned()).collect())
    }

    /// Los archivos de sus otras soluciones, por orden alfabético: primero los aciertos.
    pub(crate) fn alternatives(&self) -> Vec<PathBuf> {
        let folders = ["aciertos", "errores"].map(|name| fs::read_dir(self.folder.join(name)));
        let entries = folders.into_iter().flatten().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.sort();
        files
    }

    /// Cómo se escribe la ruta de su archivo desde la carpeta del repositorio.
    pub(crate) fn work_name(&self) -> String {
        format!("exercises/{}/ejercicio.rs", self.id)
    }
}

/// `02_02_1_eco` → (`02_02`, 1).
pub(crate) fn split(id: &str) -> Option<(&str, u32)> {
    let lesson = id.get(..5)?;
    let digits = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    let (chapter, section) = lesson.split_once('_')?;
    let (number, name) = id.get(5..)?.strip_prefix('_')?.split_once('_')?;
    let valid = digits(chapter)
        && digits(section)
        && !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    Some((lesson, number.parse().ok()?)).filter(|_| valid)
}

/// El texto de un archivo.
pub(crate) fn read(file: &Path) -> Result<String, Trouble> {
    fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

/// Los bytes de un archivo, sean texto o no.
pub(crate) fn read_bytes(file: &Path) -> Result<Vec<u8>, Trouble> {
    fs::read(file).map_err(|error| unreadable(file, &error))
}

/// Escribe un archivo entero.
pub(crate) fn write(file: &Path, text: impl AsRef<[u8]>) -> Result<(), Trouble> {
    fs::write(file, text).map_err(|error| unwritable(file, &error))
}

/// No se pudo escribir `file`.
pub(crate) fn unwritable(file: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede escribir «{}»: {}", file.display(), errors::reason(error)),
        "revisa los permisos de la carpeta y el sitio en el disco",
    )
}

fn unreadable(file: &Path, error: &std::io::Error) -> Trouble {
    Trouble::new(
        format!("no se puede leer «{}»: {}", file.display(), errors::reason(error)),
        "ejecuta «cargo curso» en la carpeta del curso, y recupera con git lo que falte",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_id_es_lección_número_y_nombre() {
        assert_eq!(split("02_02_1_eco"), Some(("02_02", 1)));
        assert_eq!(split("02_03_12_una_sala"), Some(("02_03", 12)));
        for wrong in
            ["src", "02_02", "02_02_eco", "02_02_1_", "02_02_1_Eco", "ñ2_02_1_eco", "02-02_1_a"]
        {
            assert_eq!(split(wrong), None, "{wrong}");
        }
    }
}
