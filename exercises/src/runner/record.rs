//! Lo que se cuenta de unas pruebas: un objeto JSON por línea, con la clave de quien lo cuenta.

use std::fs::File;
use std::io::{self, Read};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Algo que el encargado cuenta a `cargo curso`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// Las pruebas que hay, en orden. Va antes de que se ejecute ninguna.
    Plan {
        /// Sus nombres, los de sus funciones.
        tests: Vec<String>,
    },
    /// Cómo resultó una. Llegan según terminan.
    Verdict(Verdict),
    /// No hay más.
    End,
}

/// Cómo resultó una prueba.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// El de su función.
    pub name: String,
    /// Cómo acabó.
    pub ending: Ending,
    /// Por qué no pasó.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<String>,
    /// El puerto en el que la prueba hablaba con el servidor, si el informe dice cómo repetirlo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Las órdenes que lo repiten, si las hay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<String>,
    /// Lo que tardó, en milisegundos.
    #[serde(default)]
    pub milliseconds: u64,
    /// Lo último que escribió el código, en cualquiera de sus dos salidas.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub printed: String,
}

/// Cómo acabó una prueba.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Se cumple lo que pide.
    Passed,
    /// No se cumple.
    Failed,
    /// Su proceso terminó sin decirlo.
    Died,
    /// Hubo que terminarla.
    Late,
}

impl Verdict {
    /// El de una prueba que acabó así, sin más.
    pub(crate) fn new(name: &str, ending: Ending) -> Verdict {
        Verdict {
            name: name.to_owned(),
            ending,
            report: None,
            port: None,
            replay: None,
            milliseconds: 0,
            printed: String::new(),
        }
    }

    /// Lo que se lee de una prueba que no pasa: lo último que escribió el código, y el informe.
    pub fn whole_report(&self) -> String {
        const SHOWN: usize = 10;
        let lines: Vec<_> = self.printed.lines().collect();
        let omitted = lines.len().saturating_sub(SHOWN);
        let mut text = String::new();
        if omitted > 0 {
            text.push_str("… (tu código escribió antes más líneas)\n");
        }
        for line in &lines[omitted..] {
            text.push_str(line);
            text.push('\n');
        }
        text + self.report.as_deref().unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
struct Sealed<T> {
    key: String,
    said: T,
}

/// Una clave nueva: 128 bits al azar, en hexadecimal.
///
/// # Errors
/// El sistema no da números al azar.
pub fn key() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_ne_bytes(bytes)))
}

/// La línea que dice eso, con su clave y su salto de línea.
///
/// # Errors
/// No se puede escribir en JSON.
pub fn seal(key: &str, said: &impl Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(&Sealed { key: key.to_owned(), said })? + "\n")
}

/// Lo que dice esa línea; nada, si no trae esa clave o no se entiende.
pub fn open<T: DeserializeOwned>(key: &str, line: &[u8]) -> Option<T> {
    let sealed: Sealed<T> = serde_json::from_slice(line).ok()?;
    (sealed.key == key).then_some(sealed.said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sin_la_clave_no_vale() {
        let verdict = Record::Verdict(Verdict::new("uno", Ending::Passed));
        let line = seal("a1", &verdict).unwrap();
        assert_eq!(open(&key().unwrap(), line.as_bytes()), None::<Record>);
        assert_eq!(open("a1", line.as_bytes()), Some(verdict));
        assert_eq!(open::<Record>("a1", b"test uno ... ok\n"), None);
    }

    #[test]
    fn quien_imprime_mucho_lee_lo_último_y_por_qué_falló() {
        let printed: Vec<_> = (1..=30).map(|number| format!("línea {number}\n")).collect();
        let report = Some("Pasó algo.\n".to_owned());
        let verdict =
            Verdict { report, printed: printed.concat(), ..Verdict::new("uno", Ending::Failed) };
        let text = verdict.whole_report();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "… (tu código escribió antes más líneas)");
        assert_eq!((lines[1], lines[10]), ("línea 21", "línea 30"));
        assert_eq!(lines[11..], ["Pasó algo."]);
    }

    #[test]
    fn dos_claves_no_se_parecen() {
        let (one, other) = (key().unwrap(), key().unwrap());
        assert_eq!(one.len(), 32);
        assert_ne!(one, other);
    }
}
