//! Si un programa ya está compilado como dice el código, sin preguntárselo a cargo, que tarda.
//!
//! La regla es la suya: junto al programa deja un archivo `.d` con el código del que depende, y basta
//! con que nada de ello sea posterior a la última compilación.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Un programa compilado por cargo, y cuándo.
#[derive(Debug)]
pub struct UpToDate {
    program: PathBuf,
    repository: PathBuf,
}

impl UpToDate {
    /// `program`, compilado con el código de `repository`.
    pub fn of(program: PathBuf, repository: PathBuf) -> UpToDate {
        UpToDate { program, repository }
    }

    /// Si no hace falta volver a compilarlo.
    pub fn check(&self) -> bool {
        let Ok(stamp) = modified(&self.stamp()) else { return false };
        let Ok(list) = fs::read_to_string(self.program.with_extension("d")) else { return false };
        let unchanged = |file: &PathBuf| modified(file).is_ok_and(|moment| moment <= stamp);
        self.program.exists() && self.inputs(&list).iter().all(unchanged)
    }

    /// Apunta que se acaba de compilar lo que había al empezar, en `started`.
    pub fn note(&self, started: SystemTime) -> io::Result<()> {
        File::create(self.stamp())?.set_modified(started)
    }

    fn stamp(&self) -> PathBuf {
        self.program.with_extension("al_dia")
    }

    /// Lo que dice el `.d`, y con ello cada `Cargo.toml` que lo gobierna.
    fn inputs(&self, list: &str) -> BTreeSet<PathBuf> {
        let mut inputs = sources(list);
        let folders: BTreeSet<_> =
            inputs.iter().flat_map(|file| file.ancestors().skip(1)).map(Path::to_owned).collect();
        let inside = folders.iter().filter(|folder| folder.starts_with(&self.repository));
        let manifests = inside.map(|folder| folder.join("Cargo.toml")).filter(|file| file.exists());
        let manifests: Vec<_> = manifests.collect();
        inputs.extend(manifests);
        inputs.extend([".cargo/config.toml", "Cargo.lock"].map(|name| self.repository.join(name)));
        inputs
    }
}

fn modified(file: &Path) -> io::Result<SystemTime> {
    fs::metadata(file)?.modified()
}

/// Los archivos de un `.d`, `programa: uno dos`, donde un espacio que es del nombre lleva delante
/// una barra invertida.
fn sources(list: &str) -> BTreeSet<PathBuf> {
    const ESCAPED: &str = "\\ ";
    const HELD: &str = "\0";
    let (_, files) = list.lines().next().unwrap_or_default().split_once(": ").unwrap_or_default();
    let held = files.replace(ESCAPED, HELD);
    held.split(' ')
        .filter(|name| !name.is_empty())
        .map(|name| name.replace(HELD, " ").into())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tempfile::TempDir;

    #[test]
    fn el_punto_d_dice_de_qué_depende() {
        let expected = ["/mi curso/b.rs", "/a.rs"].map(PathBuf::from);
        assert_eq!(sources("/t/curso: /a.rs /mi\\ curso/b.rs\n"), BTreeSet::from(expected));
    }

    #[test]
    fn se_vuelve_a_compilar_lo_que_cambió_y_nada_más() {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path(".cargo")).unwrap();
        for name in ["main.rs", "Cargo.toml", "Cargo.lock", ".cargo/config.toml", "curso"] {
            File::create(path(name)).unwrap();
        }
        let main = path("main.rs").display().to_string().replace(' ', "\\ ");
        fs::write(path("curso.d"), format!("curso: {main}\n")).unwrap();
        let program = UpToDate::of(path("curso"), folder.path().to_owned());
        assert!(!program.check(), "nadie apuntó que se compilara");
        let now = SystemTime::now();
        for changed in ["main.rs", "Cargo.toml", "Cargo.lock", ".cargo/config.toml"] {
            program.note(now).unwrap();
            assert!(program.check(), "{changed}");
            let file = File::options().write(true).open(path(changed)).unwrap();
            file.set_modified(now + Duration::from_secs(1)).unwrap();
            assert!(!program.check(), "{changed}");
            file.set_modified(now).unwrap();
        }
        fs::remove_file(path("main.rs")).unwrap();
        assert!(!program.check(), "falta un archivo");
    }
}
