//! Lo que un informe ofrece «para repetirlo a mano», repetido: si de verdad repite el fallo, lo que se ve
//! con el código equivocado no es lo que se ve con la solución.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use ejercicios::runner::BY_HAND;
use harness::{Failure, Program, tools};

/// Lo que se espera a unas órdenes: duran unos segundos, salvo que alguien no cierre nunca.
const LIMIT: Duration = Duration::from_secs(15);

/// Quienes hablan escuchan aún un par de segundos antes de irse: lo que se ve más tarde que esto llegó
/// porque se iban.
const AT_ONCE: Duration = Duration::from_millis(700);

/// Cada cuánto se mira lo que se ve.
const GLANCE: Duration = Duration::from_millis(20);

/// Cómo se reconoce en las órdenes a quién llaman.
const CALL: &str = "| nc -N 127.0.0.1 ";

/// Que las órdenes de `report`, si las hay, den otra cosa con `wrong` que con `right`: los ejecutables
/// con las pruebas de uno y otro código.
///
/// # Errors
/// Dan lo mismo, o no se pueden ejecutar.
pub(super) fn reproduces(report: &str, wrong: &Path, right: &Path) -> Result<(), String> {
    let Some(script) = commands(report) else { return Ok(()) };
    let here = tools::available("nc", "lo que se ofrece para repetir a mano");
    if !here.map_err(|failure| failure.to_string())? {
        return Ok(());
    }
    let [with_mistake, with_solution] = thread::scope(|scope| {
        let [one, other] = [wrong, right].map(|code| scope.spawn(|| follow(code, &script)));
        [one.join(), other.join()]
    });
    let seen = |told: thread::Result<Result<String, Failure>>| match told {
        Ok(told) => told.map_err(|failure| failure.to_string()),
        Err(panic) => resume_unwind(panic),
    };
    let (with_mistake, with_solution) = (seen(with_mistake)?, seen(with_solution)?);
    if with_mistake == with_solution {
        return Err(format!(
            "lo que se ofrece para repetirlo a mano da lo mismo con la solución\n{script}\n\
             {with_mistake}"
        ));
    }
    Ok(())
}

/// Las órdenes de un informe.
fn commands(report: &str) -> Option<String> {
    let (_, rest) = report.split_once("\nPara repetirlo a mano:\n\n")?;
    let lines: Vec<_> = rest.lines().map_while(|line| line.strip_prefix("  ")).collect();
    Some(lines.join("\n"))
}

/// Pone en marcha lo construido y sigue las órdenes. Devuelve lo que se ve, y si lo último se vio solo
/// cuando quienes hablaban se iban. Si son varios a la vez, sin el orden, que depende de cómo se mezclen.
fn follow(code: &Path, script: &str) -> Result<String, Failure> {
    let server = Program::new(code).args([BY_HAND]).env("CURSO_PUERTO", "0").spawn()?;
    let port = server.announced(LIMIT)?.port();
    let script = calling(script, port);
    let talking = Program::new("sh").args(["-c", &script]).spawn()?;
    let (started, mut told) = (Instant::now(), 0);
    let mut last = started;
    while talking.is_alive() && started.elapsed() < LIMIT {
        thread::sleep(GLANCE);
        if talking.stdout().len() != told {
            (told, last) = (talking.stdout().len(), Instant::now());
        }
    }
    let when = match talking.wait(Duration::ZERO) {
        Err(_) => "y nadie cerró",
        Ok(_) if last.elapsed() < AT_ONCE => "lo último, cuando ya se iban",
        Ok(_) => "y después, nada más",
    };
    let mut seen: Vec<char> = talking.stdout().chars().collect();
    if script.matches(CALL).count() > 1 {
        seen.sort_unstable();
    }
    Ok(format!("{}\n({when})", seen.into_iter().collect::<String>()))
}

/// Las mismas órdenes, a otro puerto.
fn calling(script: &str, port: u16) -> String {
    let mut parts = script.split(CALL);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |told, part| {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        format!("{told}{CALL}{port}{rest}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_órdenes_de_un_informe_llaman_a_otro_puerto() {
        let report =
            "Falló.\n\nPara repetirlo a mano:\n\n  (: | nc -N 127.0.0.1 41) &  # ana\n  wait\n";
        let script = commands(report).unwrap();
        assert_eq!(script, "(: | nc -N 127.0.0.1 41) &  # ana\nwait");
        assert_eq!(calling(&script, 8800), "(: | nc -N 127.0.0.1 8800) &  # ana\nwait");
        assert_eq!(commands("Falló.\n"), None);
    }
}
