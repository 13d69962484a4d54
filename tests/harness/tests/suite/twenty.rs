//! El servidor equivocado de cada etapa, veinte veces: lo que falla por suerte alguna vez pasa.

use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::each_stage::{Attempt, ENDINGS, WRONG};

const TIMES: usize = 20;

/// Cuántos a la vez: casi todo es esperar, y una máquina ocupada es parte de la prueba.
const AT_ONCE: usize = 4;

#[test]
#[ignore = "tarda unos minutos: cargo test -p harness --test suite -- --ignored veinte"]
fn cada_servidor_equivocado_falla_veinte_de_veinte() {
    let wrong = WRONG.iter().map(|wrong| (wrong.name, wrong.fails_there));
    let cases: Vec<_> = wrong.chain(ENDINGS).collect();
    let (next, lucky) = (AtomicUsize::new(0), Mutex::new(String::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, fails)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let told = repeated(*fails);
                    // Con `--nocapture` se ve por dónde va.
                    eprintln!("{name}: {}", if told.is_none() { "siempre" } else { "no siempre" });
                    if let Some(told) = told {
                        writeln!(lucky.lock().unwrap(), "{name}: {told}\n").unwrap();
                    }
                }
            });
        }
    });
    let lucky = lucky.into_inner().unwrap();
    assert!(lucky.is_empty(), "De {} servidores, no fallan siempre:\n\n{lucky}", cases.len());
}

/// Cuántas veces no falla como debe, y qué ocurrió la primera; nada si falla siempre.
fn repeated(fails: Attempt) -> Option<String> {
    let surprises: Vec<String> = (0..TIMES).filter_map(|_| surprise(fails)).collect();
    let first = surprises.first()?;
    Some(format!("{} de {TIMES} veces; la primera:\n{first}", surprises.len()))
}

fn surprise(fails: Attempt) -> Option<String> {
    match thread::spawn(fails).join() {
        Ok(outcome) => outcome.err().map(|failure| failure.to_string()),
        Err(panic) => {
            let text = panic.downcast::<String>().map(|text| *text);
            Some(text.unwrap_or_else(|_| "entró en pánico".to_owned()))
        }
    }
}
