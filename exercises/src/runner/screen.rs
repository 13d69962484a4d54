//! Lo que se lee con `cargo test`: cada prueba, los informes de las que fallan y la cuenta.

use std::io::{self, Write};
use std::process::ExitCode;

use super::record::{Ending, Verdict};
use super::{Test, complain, supervisor};

/// Lo que se pide en la línea de órdenes, con las palabras del arnés de Rust: las usan los editores.
/// Las que aquí no significan nada (`--nocapture`, `--test-threads`…) se aceptan y se olvidan.
#[derive(Default)]
struct Wanted {
    names: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
}

/// Hace las pruebas que se pidan, o todas.
pub(super) fn run(tests: &[Test], words: impl Iterator<Item = String>) -> ExitCode {
    let wanted = Wanted::read(words);
    let chosen: Vec<_> = tests.iter().filter(|test| wanted.includes(test)).collect();
    let shown = if wanted.list { list(&chosen) } else { show(&chosen) };
    match shown {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => complain(&multiplexacion::errors::reason(&error)),
    }
}

impl Wanted {
    fn read(mut words: impl Iterator<Item = String>) -> Wanted {
        let mut wanted = Wanted::default();
        while let Some(word) = words.next() {
            match &*word {
                "--exact" => wanted.exact = true,
                "--list" => wanted.list = true,
                "--skip" => wanted.skipped.extend(words.next()),
                "--test-threads" | "--color" | "--format" | "-Z" => drop(words.next()),
                _ if word.starts_with("--skip=") => {
                    wanted.skipped.push(word["--skip=".len()..].to_owned());
                }
                _ if word.starts_with('-') => {}
                _ => wanted.names.push(word),
            }
        }
        wanted
    }

    fn includes(&self, test: &Test) -> bool {
        let is = |name: &String| {
            if self.exact { test.name == name } else { test.name.contains(&**name) }
        };
        (self.names.is_empty() || self.names.iter().any(is)) && !self.skipped.iter().any(is)
    }
}

fn list(tests: &[&Test]) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    tests.iter().try_for_each(|test| writeln!(out, "{}: test", test.name))?;
    Ok(true)
}

/// Cuenta cada una en cuanto se sabe, en su orden. Devuelve si pasan todas.
fn show(tests: &[&Test]) -> io::Result<bool> {
    let mut out = io::stdout();
    let mut verdicts: Vec<Option<Verdict>> = tests.iter().map(|_| None).collect();
    let mut told = 0;
    writeln!(out)?;
    supervisor::run(tests, |place, verdict| {
        verdicts[place] = Some(verdict);
        while let Some(Some(verdict)) = verdicts.get(told) {
            let mark = if verdict.ending == Ending::Passed { '✓' } else { '✗' };
            writeln!(out, "  {mark} {}", verdict.name.replace('_', " "))?;
            told += 1;
        }
        Ok(())
    })?;
    let failed: Vec<_> =
        verdicts.iter().flatten().filter(|it| it.ending != Ending::Passed).collect();
    for verdict in &failed {
        write!(out, "\n── {}\n\n{}", verdict.name.replace('_', " "), verdict.whole_report())?;
    }
    let passed = tests.len() - failed.len();
    writeln!(out, "\n{passed} de {} pruebas pasan.", tests.len())?;
    Ok(failed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_hacen_las_pruebas_que_se_piden_y_no_las_que_se_saltan() {
        const TESTS: [Test; 3] = [
            Test::new("a_quien_calla", || Ok(())),
            Test::new("a_quien_calla_mucho", || Ok(())),
            Test::new("a_quien_habla", || Ok(())),
        ];
        for (words, expected) in [
            (&["--nocapture"][..], &["a_quien_calla", "a_quien_calla_mucho", "a_quien_habla"][..]),
            (&["calla"], &["a_quien_calla", "a_quien_calla_mucho"]),
            (&["a_quien_calla", "--exact"], &["a_quien_calla"]),
            (&["--skip", "mucho"], &["a_quien_calla", "a_quien_habla"]),
            (&["calla", "--skip=mucho", "--test-threads", "1"], &["a_quien_calla"]),
        ] {
            let wanted = Wanted::read(words.iter().map(|&word| word.to_owned()));
            let chosen = TESTS.iter().filter(|test| wanted.includes(test)).map(|test| test.name);
            assert_eq!(chosen.collect::<Vec<_>>(), expected, "{words:?}");
        }
    }
}
