//! Qué órdenes ejecutan un Python, y si hará caso de PYTHONPATH.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Cuánto se lee de la primera línea de un guion: lo que lee el núcleo.
const LONGEST: u64 = 256;

/// Si el programa es un Python, o un guion que lo pide en su primera línea, y sus opciones no lo
/// aíslan: entonces no ejecutaría nada de fuera, y quedaría a la vista.
pub(super) fn obeys(program: &Path, command: &[OsString]) -> bool {
    if is_python(&program.to_string_lossy()) {
        let words = command.iter().skip(1).map(|word| word.to_string_lossy());
        return !is_isolated(words);
    }
    let line = first_line(program).unwrap_or_default();
    let mut words = line.strip_prefix("#!").unwrap_or_default().split_whitespace();
    words.by_ref().take(3).any(is_python) && !is_isolated(words)
}

fn first_line(program: &Path) -> Option<String> {
    let mut line = Vec::new();
    BufReader::new(File::open(program).ok()?.take(LONGEST)).read_until(b'\n', &mut line).ok()?;
    Some(String::from_utf8_lossy(&line).into_owned())
}

/// `python`, `python3` o `python3.11`, con su carpeta o sin ella; no uno de Python 2.
fn is_python(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_digit = |letter: char| letter.is_ascii_digit() || letter == '.';
    let version = name.strip_prefix("python");
    version.is_some_and(|it| it.chars().all(is_digit) && !it.starts_with('2'))
}

/// Si entre las opciones del intérprete, antes del guion, está `-E`, `-I` o `-S`.
fn is_isolated<Word: AsRef<str>>(words: impl IntoIterator<Item = Word>) -> bool {
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let Some(letters) = word.as_ref().strip_prefix('-').filter(|it| !it.is_empty()) else {
            return false;
        };
        if letters == "-check-hash-based-pycs" {
            words.next();
        }
        if letters.starts_with('-') {
            continue;
        }
        // Lo que sigue a una de estas letras ya no son opciones.
        let end = letters.find(['c', 'm', 'W', 'X']).unwrap_or(letters.len());
        if letters[..end].contains(['E', 'I', 'S']) {
            return true;
        }
        match &letters[end..] {
            "W" | "X" => drop(words.next()),
            rest if rest.starts_with(['c', 'm']) => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qué_es_un_python() {
        for path in ["python", "/usr/bin/python3", "./venv/bin/python3.11"] {
            assert!(is_python(path), "{path}");
        }
        for path in ["python2.7", "node", "/usr/bin/python3-config", "python/eco"] {
            assert!(!is_python(path), "{path}");
        }
    }

    #[test]
    fn qué_opciones_lo_aíslan() {
        for line in ["-I eco.py", "-uE eco.py", "-X dev -S eco.py", "-W error -Bs -I -m eco"] {
            assert!(is_isolated(line.split(' ')), "{line}");
        }
        for line in ["eco.py -I", "-u eco.py", "-mISE", "-X IES eco.py", "-Wignore::E -c S", "-"] {
            assert!(!is_isolated(line.split(' ')), "{line}");
        }
    }
}
