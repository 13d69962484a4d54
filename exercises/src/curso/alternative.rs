//! Los errores típicos de un ejercicio: cada `errores/NOMBRE.diff` dice solo en qué se aparta de
//! `solucion.rs` una solución equivocada.

use std::path::Path;

use diffy::Patch;

use crate::course::{Exercise, read};

/// Una solución equivocada.
#[derive(Debug)]
pub(crate) struct Mistake {
    /// El de su archivo.
    pub(crate) name: String,
    /// Lo que ha de decir la prueba que la rechaza.
    pub(crate) message: String,
    /// El archivo entero: la solución, con este error.
    pub(crate) code: String,
}

/// Los de un ejercicio, por orden alfabético; en el lugar de los que no sirven, por qué.
pub(crate) fn all(exercise: &Exercise, solution: &str) -> Vec<Result<Mistake, String>> {
    exercise.mistakes().iter().map(|file| Mistake::read(file, solution)).collect()
}

impl Mistake {
    fn read(file: &Path, solution: &str) -> Result<Mistake, String> {
        let shown = format!("errores/{}", file.file_name().unwrap_or_default().to_string_lossy());
        let Some(name) = shown.strip_prefix("errores/").and_then(|it| it.strip_suffix(".diff"))
        else {
            return Err(format!("{shown}: no es un .diff"));
        };
        let text = read(file).map_err(|trouble| trouble.to_string())?;
        let (message, code) =
            understand(&text, solution).map_err(|why| format!("{shown}: {why}"))?;
        Ok(Mistake { name: name.to_owned(), message, code })
    }
}

/// El mensaje que se espera, y la solución con el error puesto.
fn understand(text: &str, solution: &str) -> Result<(String, String), String> {
    // La primera línea, qué hace mal, es para quien lo lee.
    let message = text.lines().nth(1);
    let message = message.and_then(|line| line.strip_prefix("Mensaje: «")?.strip_suffix('»'));
    let message = message.ok_or("su segunda línea no es «Mensaje: «…»»")?;
    let patch = Patch::from_str(text).map_err(|_| "no se entiende como diff")?;
    // `diffy` deja sin leer lo que pase de la cuenta que dice cada «@@».
    let read: usize = patch.hunks().iter().map(|hunk| 1 + hunk.lines().len()).sum();
    let written = text.lines().skip_while(|line| !line.starts_with("@@ ")).count();
    if read == 0 || read != written {
        return Err(
            "no se entiende como diff: no tiene las líneas que anuncian sus «@@»".to_owned()
        );
    }
    let code = diffy::apply(solution, &patch).map_err(|_| "ya no encaja en solucion.rs")?;
    Ok((message.to_owned(), code))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::Course;

    const SOLUTION: &str = "uno\n\ndos\ntres\n";
    const PREAMBLE: &str = "Suma mal.\nMensaje: «la «suma»»\n";
    const DIFF: &str =
        "--- solucion.rs\n+++ solucion.rs\n@@ -1,4 +1,4 @@\n uno\n \n-dos\n+cuatro\n tres\n";

    fn applied(text: &str) -> Result<(String, String), String> {
        understand(text, SOLUTION)
    }

    #[test]
    fn un_error_es_un_mensaje_y_un_cambio() {
        let (message, code) = applied(&format!("{PREAMBLE}{DIFF}")).unwrap();
        assert_eq!((&*message, &*code), ("la «suma»", "uno\n\ncuatro\ntres\n"));
    }

    #[test]
    fn vale_tal_como_lo_escribe_git_y_sin_los_espacios_que_quitan_los_editores() {
        let headings = "diff --git solucion.rs solucion.rs\nindex 5f8be0d..a1b2c3d 100644\n";
        let diff = DIFF.replace("@@\n", "@@ fn suma() {\n").replace("\n \n", "\n\n");
        let (_, code) = applied(&format!("{PREAMBLE}{headings}{diff}")).unwrap();
        assert_eq!(code, "uno\n\ncuatro\ntres\n");
    }

    #[test]
    fn vale_aunque_la_solución_crezca_por_otro_lado() {
        let text = format!("{PREAMBLE}{DIFF}");
        let (_, code) = understand(&text, &format!("cero\n{SOLUTION}cinco\n")).unwrap();
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
            let why = applied(&text).unwrap_err();
            assert!(why.contains(expected), "{text}\n{why}");
        }
        let why = Mistake::read(Path::new("errores/uno.rs"), SOLUTION).unwrap_err();
        assert_eq!(why, "errores/uno.rs: no es un .diff");
    }

    #[test]
    fn el_de_la_plantilla_encaja_en_su_solución() {
        let (mistake, solution) =
            (include_str!("plantilla/error.txt"), include_str!("plantilla/solucion.txt"));
        let (_, code) = understand(mistake, solution).unwrap();
        assert_eq!(code, solution.replace("42", "41"));
    }

    #[test]
    fn todos_los_de_los_ejercicios_encajan() {
        for exercise in Course::open().unwrap().exercises {
            // Las copias que se reparten no llevan ni la solución ni sus errores.
            let solution = read(&exercise.solution()).unwrap_or_default();
            for mistake in all(&exercise, &solution) {
                assert!(mistake.is_ok(), "{}: {}", exercise.id, mistake.unwrap_err());
            }
        }
    }
}
