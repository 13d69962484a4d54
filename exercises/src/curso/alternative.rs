//! Otras soluciones de un ejercicio: cada `errores/NOMBRE.diff` dice solo en qué se aparta de
//! `solucion.rs` una equivocada, y cada `aciertos/NOMBRE.diff`, una tan buena como ella.

use std::ffi::OsStr;
use std::path::Path;

use diffy::Patch;

use crate::course::{Exercise, read};

/// Otra solución.
#[derive(Debug)]
pub(crate) struct Alternative {
    /// El de su archivo, sin el `.diff`.
    pub(crate) name: String,
    pub(crate) deserves: Deserved,
    /// El archivo entero: la solución, con este cambio.
    pub(crate) code: String,
}

/// Lo que merece otra solución.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deserved {
    /// Pasar todas las pruebas.
    ToPass,
    /// Que alguna la rechace, y diga esto.
    Refusal(String),
}

/// Las de un ejercicio, por orden alfabético; en el lugar de las que no sirven, por qué.
pub(crate) fn all(exercise: &Exercise, solution: &str) -> Vec<Result<Alternative, String>> {
    exercise.alternatives().iter().map(|file| Alternative::read(file, solution)).collect()
}

impl Alternative {
    fn read(file: &Path, solution: &str) -> Result<Alternative, String> {
        let part = |name: Option<&OsStr>| {
            name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
        };
        let folder = part(file.parent().and_then(Path::file_name));
        let shown = format!("{folder}/{}", part(file.file_name()));
        let explained = |why: &str| format!("{shown}: {why}");
        if file.extension().is_none_or(|extension| extension != "diff") {
            return Err(explained("no es un .diff"));
        }
        let text = read(file).map_err(|trouble| trouble.to_string())?;
        let is_right = folder == "aciertos";
        let deserves = if is_right { Ok(Deserved::ToPass) } else { refusal(&text) };
        let deserves = deserves.map_err(explained)?;
        let code = apply(&text, solution).map_err(explained)?;
        Ok(Alternative { name: part(file.file_stem()), deserves, code })
    }
}

/// El mensaje que se espera. La primera línea, qué hace mal, es para quien lo lee.
fn refusal(text: &str) -> Result<Deserved, &'static str> {
    let message = text.lines().nth(1);
    let message = message.and_then(|line| line.strip_prefix("Mensaje: «")?.strip_suffix('»'));
    let message = message.ok_or("su segunda línea no es «Mensaje: «…»»")?;
    Ok(Deserved::Refusal(message.to_owned()))
}

/// La solución con el cambio puesto.
fn apply(text: &str, solution: &str) -> Result<String, &'static str> {
    let patch = Patch::from_str(text).map_err(|_| "no se entiende como diff")?;
    // `diffy` deja sin leer lo que pase de la cuenta que dice cada «@@».
    let read: usize = patch.hunks().iter().map(|hunk| 1 + hunk.lines().len()).sum();
    let written = text.lines().skip_while(|line| !line.starts_with("@@ ")).count();
    if read == 0 || read != written {
        return Err("no se entiende como diff: no tiene las líneas que anuncian sus «@@»");
    }
    diffy::apply(solution, &patch).map_err(|_| "ya no encaja en solucion.rs")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tempfile::TempDir;

    use super::*;
    use crate::course::{Course, write};

    const SOLUTION: &str = "uno\n\ndos\ntres\n";
    const PREAMBLE: &str = "Suma mal.\nMensaje: «la «suma»»\n";
    const DIFF: &str =
        "--- solucion.rs\n+++ solucion.rs\n@@ -1,4 +1,4 @@\n uno\n \n-dos\n+cuatro\n tres\n";

    /// Lo que se lee de un archivo de esa carpeta.
    fn from(folder: &str, text: &str) -> Result<Alternative, String> {
        let root = TempDir::new().unwrap();
        let folder = root.path().join(folder);
        fs::create_dir(&folder).unwrap();
        let file = folder.join("uno.diff");
        write(&file, text).unwrap();
        Alternative::read(&file, SOLUTION)
    }

    #[test]
    fn un_error_es_un_mensaje_y_un_cambio() {
        let wrong = from("errores", &format!("{PREAMBLE}{DIFF}")).unwrap();
        assert_eq!((&*wrong.name, &*wrong.code), ("uno", "uno\n\ncuatro\ntres\n"));
        assert_eq!(wrong.deserves, Deserved::Refusal("la «suma»".to_owned()));
    }

    #[test]
    fn un_acierto_es_solo_un_cambio() {
        let right = from("aciertos", &format!("Suma de otra manera.\n{DIFF}")).unwrap();
        assert_eq!((&*right.code, right.deserves), ("uno\n\ncuatro\ntres\n", Deserved::ToPass));
    }

    #[test]
    fn vale_tal_como_lo_escribe_git_y_sin_los_espacios_que_quitan_los_editores() {
        let headings = "diff --git solucion.rs solucion.rs\nindex 5f8be0d..a1b2c3d 100644\n";
        let diff = DIFF.replace("@@\n", "@@ fn suma() {\n").replace("\n \n", "\n\n");
        let code = apply(&format!("{PREAMBLE}{headings}{diff}"), SOLUTION).unwrap();
        assert_eq!(code, "uno\n\ncuatro\ntres\n");
    }

    #[test]
    fn vale_aunque_la_solución_crezca_por_otro_lado() {
        let text = format!("{PREAMBLE}{DIFF}");
        let code = apply(&text, &format!("cero\n{SOLUTION}cinco\n")).unwrap();
        assert_eq!(code, "cero\nuno\n\ncuatro\ntres\ncinco\n");
    }

    #[test]
    fn lo_que_no_vale_se_explica() {
        let whole = format!("{PREAMBLE}{DIFF}");
        for (text, expected) in [
            (DIFF.to_owned(), "segunda línea"),
            (PREAMBLE.to_owned(), "no se entiende"),
            (whole.replace("1,4 +1,4", "1,5 +1,5"), "no se entiende"),
            (whole.clone() + "+cinco\n", "no tiene las líneas que anuncian"),
            (whole.replace(" tres", " tress"), "ya no encaja en solucion.rs"),
        ] {
            let why = from("errores", &text).unwrap_err();
            assert!(why.contains(expected), "{text}\n{why}");
        }
        let why = Alternative::read(Path::new("errores/uno.rs"), SOLUTION).unwrap_err();
        assert_eq!(why, "errores/uno.rs: no es un .diff");
    }

    #[test]
    fn el_de_la_plantilla_encaja_en_su_solución() {
        let (mistake, solution) =
            (include_str!("plantilla/error.txt"), include_str!("plantilla/solucion.txt"));
        assert!(refusal(mistake).is_ok());
        let code = apply(mistake, solution).unwrap();
        assert_eq!(code, solution.replace("42", "41"));
    }

    #[test]
    fn todas_las_de_los_ejercicios_encajan() {
        for exercise in Course::open().unwrap().exercises {
            // Las copias que se reparten no llevan ni la solución ni las otras.
            let solution = read(&exercise.solution()).unwrap_or_default();
            for other in all(&exercise, &solution) {
                assert!(other.is_ok(), "{}: {}", exercise.id, other.unwrap_err());
            }
        }
    }
}
