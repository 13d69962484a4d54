//! Guardar un archivo entero, o dejar el que había.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Un archivo que se podrá escribir cuando haya qué.
#[derive(Debug)]
pub(crate) struct Saving {
    path: PathBuf,
    /// Dónde se escribe mientras no está entero. Sin él, se escribe directamente: lo que no es un
    /// archivo corriente, como `/dev/stdout`, no se puede cambiar por otro.
    draft: Option<PathBuf>,
}

impl Saving {
    /// Comprueba que se podrá escribir en `path`, para no saberlo después de medir.
    pub(crate) fn prepare(path: &Path) -> io::Result<Saving> {
        let existing = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                return Ok(Saving { path: path.to_owned(), draft: None });
            }
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if existing {
            OpenOptions::new().write(true).open(path)?;
        }
        // A través de los enlaces: se cambia el archivo, y no el enlace.
        let path = if existing { path.canonicalize()? } else { path.to_owned() };
        let Some(name) = path.file_name() else { return Err(io::ErrorKind::IsADirectory.into()) };
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}", std::process::id()));
        let draft = path.with_file_name(hidden);
        let draft = match File::create(&draft).and_then(|_| fs::remove_file(&draft)) {
            Ok(()) => Some(draft),
            Err(_) if existing => None,
            Err(error) => return Err(error),
        };
        Ok(Saving { path, draft })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn save(&self, content: &str) -> io::Result<()> {
        let Some(draft) = &self.draft else { return fs::write(&self.path, content) };
        let saved = fs::write(draft, content).and_then(|()| fs::rename(draft, &self.path));
        if saved.is_err() {
            let _ = fs::remove_file(draft);
        }
        saved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("lab-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn hasta_que_está_entero_se_queda_el_de_antes_y_después_no_sobra_nada() {
        let folder = folder("entero");
        let (path, link) = (folder.join("informe.html"), folder.join("enlace.html"));
        fs::write(&path, "antes").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let saving = Saving::prepare(&link).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "antes");
        saving.save("después").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "después");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn donde_no_se_puede_escribir_se_sabe_antes_de_medir() {
        let folder = folder("imposible");
        let kind = |path: &Path| Saving::prepare(path).unwrap_err().kind();
        assert_eq!(kind(&folder), io::ErrorKind::IsADirectory);
        assert_eq!(kind(&folder.join("no/existe.json")), io::ErrorKind::NotFound);
        let file = folder.join("archivo");
        fs::write(&file, "").unwrap();
        assert_eq!(kind(&file.join("dentro.json")), io::ErrorKind::NotADirectory);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn lo_que_no_cabe_se_dice_y_un_dispositivo_sigue_siendo_lo_que_era() {
        let full = Saving::prepare(Path::new("/dev/full")).unwrap();
        assert_eq!(full.save("algo").unwrap_err().kind(), io::ErrorKind::StorageFull);
        let null = Saving::prepare(Path::new("/dev/null")).unwrap();
        null.save("algo").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
