//! Las demostraciones dicen hoy lo que el libro enseña: sus sesiones se vuelven a ejecutar.
#![allow(clippy::unwrap_used, reason = "todo este archivo es una prueba")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::{Failure, Program};

/// Lo que tarda, como mucho, la más larga.
const LIMIT: Duration = Duration::from_secs(20);

/// La sesión que muestra el libro y la de ahora, sin la orden con la que empieza.
fn sessions(name: &str, program: &str) -> Result<(String, String), Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("sesiones/{name}.txt"));
    let printed = fs::read_to_string(&path).unwrap();
    let command = format!("$ cargo run --bin {name}\n");
    let printed = printed.strip_prefix(&command).expect("la sesión empieza por su orden");
    let exit = Program::new(program).without_stdin().run_to_end("", LIMIT)?;
    assert_eq!((exit.code, exit.stderr.as_str()), (Some(0), ""));
    Ok((printed.to_owned(), exit.stdout))
}

/// Cada número, como `N`: los que dependen de la máquina no se comparan.
fn without_figures(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        if !letter.is_ascii_digit() {
            plain.push(letter);
        } else if !plain.ends_with('N') {
            plain.push('N');
        }
    }
    plain
}

/// Los números de cada línea que contiene `mark`: el último de cada una.
fn last_figures(text: &str, mark: &str) -> Vec<u64> {
    let figures = |line: &str| {
        let words = line.split(|letter: char| !letter.is_ascii_digit());
        words.filter_map(|word| word.parse().ok()).next_back()
    };
    text.lines().filter(|line| line.contains(mark)).filter_map(figures).collect()
}

#[test]
fn una_escritura_dos_lecturas() -> Result<(), Failure> {
    let program = env!("CARGO_BIN_EXE_una_escritura_dos_lecturas");
    let (printed, now) = sessions("una_escritura_dos_lecturas", program)?;
    assert_eq!(now, printed);
    Ok(())
}

#[test]
fn bloqueado() -> Result<(), Failure> {
    let (printed, now) = sessions("bloqueado", env!("CARGO_BIN_EXE_bloqueado"))?;
    assert_eq!(now, printed);
    Ok(())
}

#[test]
fn final_o_error() -> Result<(), Failure> {
    let (printed, now) = sessions("final_o_error", env!("CARGO_BIN_EXE_final_o_error"))?;
    assert_eq!(now, printed);
    Ok(())
}

#[test]
fn cola_de_accept() -> Result<(), Failure> {
    let (printed, now) = sessions("cola_de_accept", env!("CARGO_BIN_EXE_cola_de_accept"))?;
    assert_eq!(now, printed);
    Ok(())
}

#[test]
fn buferes() -> Result<(), Failure> {
    let (printed, now) = sessions("buferes", env!("CARGO_BIN_EXE_buferes"))?;
    // Cuántas escrituras hacen falta y cuánto acepta cada una es cosa de cada núcleo.
    let lines = |text: &str| -> Vec<String> {
        let mut lines: Vec<String> = text.lines().map(without_figures).collect();
        lines.dedup();
        lines
    };
    assert_eq!(lines(&now), lines(&printed));
    for session in [printed, now] {
        let accepted = last_figures(&session, "acepta");
        let sum: u64 = accepted.iter().sum();
        assert!(*accepted.last().unwrap() < 1024 * 1024, "la última escritura fue entera");
        assert_eq!(last_figures(&session, "No cabe más"), [sum]);
        assert_eq!(last_figures(&session, "Estaban todos"), [sum]);
    }
    Ok(())
}

#[test]
fn siempre_listo() -> Result<(), Failure> {
    let (printed, now) = sessions("siempre_listo", env!("CARGO_BIN_EXE_siempre_listo"))?;
    assert_eq!(without_figures(&now), without_figures(&printed));
    for session in [printed, now] {
        let turns = last_figures(&session, "vueltas");
        // En silencio basta una vuelta, o dos si poll(2) vuelve un instante antes de los 200 ms.
        assert!(turns[0] <= 2 && turns[1] > 100, "{turns:?}");
    }
    Ok(())
}
