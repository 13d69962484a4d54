//! Lo que `cargo test` pide de un ejercicio y solo se sabe con el resto del curso: que su enunciado se pueda
//! seguir, que sus páginas del libro estén al día y que el plan sume.

use std::path::Path;
use std::process::Command;

use multiplexacion::cli::Trouble;

use crate::build::cargo;

/// Lo comprueba en ese repositorio. Devuelve lo que no está bien, tal como lo cuentan las pruebas.
pub(crate) fn with_the_course(repository: &Path, id: &str) -> Result<Result<(), String>, Trouble> {
    // Sin `--package`: así sirve lo que compiló `cargo test`, y lo que se compile le servirá.
    let own: [&[&str]; 2] = [
        &["--no-fail-fast", "--test", id, "--test", "pages"],
        &["--test", "lecciones", "documentation::"],
    ];
    let mut complaints = String::new();
    for words in own {
        let mut tests = Command::new(cargo());
        let output =
            tests.current_dir(repository).args(["test", "--quiet"]).args(words).output()?;
        if !output.status.success() {
            complaints += &String::from_utf8_lossy(&output.stdout);
            complaints += &String::from_utf8_lossy(&output.stderr);
        }
    }
    Ok(if complaints.is_empty() { Ok(()) } else { Err(complaints) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::write;
    use tempfile::TempDir;

    const MANIFEST: &str = "[package]\nname = \"curso\"\nedition = \"2024\"\n\n[workspace]\n\n[lib]\npath = \
                            \"lib.rs\"\n";

    #[test]
    fn se_pregunta_a_las_tres_pruebas_y_se_dice_lo_que_digan() {
        let folder = TempDir::new().unwrap();
        let file = |name: &str, text: &str| write(&folder.path().join(name), text).unwrap();
        file("lib.rs", "");
        let tests = [
            ("02_02_1_eco", "el enunciado no se puede seguir"),
            ("pages", "falta una página"),
            ("lecciones", "el plan no suma"),
        ];
        let mut manifest = vec![MANIFEST.to_owned()];
        for (name, says) in tests {
            manifest.push(format!(
                "[[test]]\nname = \"{name}\"\npath = \"{name}.rs\"\nharness = false\n"
            ));
            file(&format!("{name}.rs"), &format!("fn main() {{ panic!(\"{says}\") }}"));
        }
        file("Cargo.toml", &manifest.join("\n"));
        let said = with_the_course(folder.path(), "02_02_1_eco").unwrap().unwrap_err();
        for expected in ["el enunciado no se puede seguir", "falta una página", "el plan no suma"]
        {
            assert!(said.contains(expected), "{said}");
        }
        for name in ["02_02_1_eco", "pages", "lecciones"] {
            file(&format!("{name}.rs"), "fn main() {}");
        }
        assert_eq!(with_the_course(folder.path(), "02_02_1_eco").unwrap(), Ok(()));
    }
}
