//! Los informes, sin lo que cambia de una vez a otra: los momentos, los puertos y los procesos; y
//! sin lo que se le dice a `curl` donde hay un intermediario.

use harness::Failure;

pub(crate) fn report(failure: &Failure) -> String {
    text(&failure.to_string())
}

pub(crate) fn text(text: &str) -> String {
    let text = without_numbers_after(text, "127.0.0.1:", "PUERTO");
    let text = without_numbers_after(&text, "nc -N 127.0.0.1 ", "PUERTO");
    let text = without_numbers_after(&text, "(proceso ", "PID");
    let text = text.replace(" --noproxy '*'", "");
    let text = without_numbers_after(&text, "» (", "TID");
    let lines = text.lines().map(|line| without_moment(&without_date(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Cambia por `name` el número que haya detrás de cada `lead`.
fn without_numbers_after(text: &str, lead: &str, name: &str) -> String {
    let mut pieces = text.split(lead);
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let rest = piece.trim_start_matches(|c: char| c.is_ascii_digit());
        let name = if rest.len() < piece.len() { name } else { "" };
        result.extend([lead, name, rest]);
    }
    result
}

/// En el acta, cada suceso empieza por sus milisegundos, alineados a la derecha.
fn without_moment(line: &str) -> String {
    let rest = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
    let is_moment = line.trim_start().len() > rest.len() && rest.starts_with("  ");
    if is_moment { format!("      ms{rest}") } else { line.to_owned() }
}

/// `Date: Sun, 06 Nov 1994 08:49:37 GMT`, salvo la fecha fija de la receta.
fn without_date(line: &str) -> String {
    match (line.split_once("Date: "), line.split_once(" GMT")) {
        (Some((before, date)), Some((_, after))) if !date.contains("2013") => {
            format!("{before}Date: FECHA{after}")
        }
        _ => line.to_owned(),
    }
}
