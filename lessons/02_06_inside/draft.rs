//! Escribir un archivo sin dejarlo nunca a medias: aparece entero, o sigue el que había.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use multiplexacion::cli::Trouble;
use multiplexacion::errors::reason;
use tempfile::{Builder, NamedTempFile};

/// Un archivo que se va a escribir. Se prepara antes de empezar: si no se va a poder, se sabe ya.
#[derive(Debug)]
pub(crate) struct Draft {
    target: PathBuf,
    file: Place,
}

/// Dónde se va escribiendo.
#[derive(Debug)]
enum Place {
    /// A su lado, y luego con su nombre.
    Beside(NamedTempFile),
    /// No es un archivo normal (una tubería, `/dev/null`): no se puede poner otro en su lugar.
    InPlace(fs::File),
}

impl Draft {
    /// Prepara `path`. Errores: no se va a poder escribir ahí.
    pub(crate) fn prepare(path: &Path) -> Result<Draft, Trouble> {
        // Si es un enlace, se escribe a donde lleva.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let file = place(&target).map_err(|error| unwritable(path, &error))?;
        Ok(Draft { target, file })
    }

    /// Escribe el archivo, entero. Errores: no cabe, o su carpeta ya no está.
    pub(crate) fn write(self, text: &str) -> io::Result<()> {
        match self.file {
            Place::InPlace(mut file) => file.write_all(text.as_bytes()),
            Place::Beside(mut file) => {
                file.write_all(text.as_bytes())?;
                // Ponerle el nombre antes de que sus bytes estén en el disco podría dejarlo vacío.
                file.as_file().sync_all()?;
                file.persist(&self.target).map(drop).map_err(|failed| failed.error)
            }
        }
    }
}

fn place(target: &Path) -> io::Result<Place> {
    match fs::metadata(target) {
        Ok(there) if there.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => {
            return fs::OpenOptions::new().write(true).open(target).map(Place::InPlace);
        }
        _ => {}
    }
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Los permisos de cualquier archivo nuevo, menos los que quite umask(2).
    let permissions = Permissions::from_mode(0o666);
    let mut builder = Builder::new();
    let builder = builder.prefix(".ver-").permissions(permissions);
    builder.tempfile_in(folder.unwrap_or(Path::new("."))).map(Place::Beside)
}

/// Guarda `text` donde se pueda: la última oportunidad de lo que ya se grabó. Errores: ahí tampoco
/// se puede.
pub(crate) fn rescue(text: &str) -> io::Result<PathBuf> {
    let mut file = Builder::new().prefix("ver-").suffix(".jsonl").tempfile()?;
    file.write_all(text.as_bytes())?;
    file.keep().map(|(_, path)| path).map_err(|failed| failed.error)
}

/// No se puede escribir `path`.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> Trouble {
    // `tempfile` añade a cada error dónde fue: aquí solo importa cuál.
    let why = error.raw_os_error().map(io::Error::from_raw_os_error);
    let why = why.unwrap_or_else(|| error.kind().into());
    Trouble::new(
        format!("no se puede escribir «{}»: {}", path.display(), reason(&why)),
        "elige un archivo de una carpeta que exista y sea tuya",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn el_archivo_que_había_sigue_hasta_que_el_nuevo_está_entero() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("a.html");
        fs::write(&path, "viejo").unwrap();
        let draft = Draft::prepare(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "viejo");
        drop(draft);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no queda ningún borrador");
        Draft::prepare(&path).unwrap().write("nuevo").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "nuevo");
    }

    #[test]
    fn se_sabe_antes_de_empezar_que_no_se_podrá() {
        let folder = TempDir::new().unwrap();
        for wrong in [folder.path().to_owned(), folder.path().join("no/existe.html")] {
            let trouble = Draft::prepare(&wrong).unwrap_err().to_string();
            assert!(trouble.starts_with("no se puede escribir"), "{trouble}");
        }
    }

    #[test]
    fn lo_que_no_es_un_archivo_normal_se_deja_en_su_sitio() {
        use std::os::unix::fs::FileTypeExt;
        let null = Path::new("/dev/null");
        Draft::prepare(null).unwrap().write("nada").unwrap();
        assert!(fs::metadata(null).unwrap().file_type().is_char_device());
    }
}
