//! Un archivo de los que se escriben solos.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Un archivo y lo que debe contener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Dónde está.
    pub path: PathBuf,
    /// Su contenido.
    pub text: String,
}

impl Generated {
    /// ¿Contiene lo que debe?
    pub fn is_current(&self) -> bool {
        fs::read_to_string(&self.path).is_ok_and(|written| written == self.text)
    }

    pub(super) fn write(&self) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&self.path, &self.text)
    }
}
