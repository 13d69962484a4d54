//! Órdenes de un intérprete POSIX que escriben unos bytes dados.
//!
//! Lo que no se imprime va en octal (`\ooo`), lo único que entiende el `printf` de cualquier `sh`.

use std::time::Duration;

use crate::readable;

/// Hasta cuántos bytes se escriben uno a uno.
const LITERAL: usize = 512;
/// Desde cuántos bytes iguales seguidos se escribe solo cuántos son.
const RUN: usize = 128;
/// El periodo más largo que se busca.
const LONGEST_PERIOD: usize = 4096;

/// Las órdenes que escriben esos bytes: enteros si son pocos, por su regla si la tienen. Si no la tienen,
/// ninguna: nadie los teclearía.
pub(crate) fn print(bytes: &[u8]) -> Option<Vec<String>> {
    if bytes.len() <= LITERAL {
        return Some(vec![printf(bytes)]);
    }
    numbered(bytes).or_else(|| repeated(bytes)).or_else(|| runs(bytes))
}

/// Las líneas de `seq`.
fn numbered(bytes: &[u8]) -> Option<Vec<String>> {
    // Contarlas todas cuesta: antes, ver si lo parecen.
    if !bytes.starts_with(b"1\n2\n") || !crate::numbered_lines(bytes.len()).starts_with(bytes) {
        return None;
    }
    let lines = bytes.split(|&byte| byte == b'\n').count() - 1;
    Some(vec![if bytes.ends_with(b"\n") {
        format!("seq {lines}")
    } else {
        format!("seq {} | head -c {}", lines + 1, bytes.len())
    }])
}

/// Lo mismo una y otra vez, y quizá algo más al final.
fn repeated(bytes: &[u8]) -> Option<Vec<String>> {
    // Sin el final, que puede ser distinto.
    let sample = &bytes[..(bytes.len() / 4 * 3).min(2 * LONGEST_PERIOD)];
    let period = period(sample);
    let same = bytes.iter().skip(period).zip(bytes).take_while(|(next, byte)| next == byte);
    let times = (period + same.count()) / period;
    if period > LITERAL || bytes.len() - times * period > LITERAL {
        return None;
    }
    let once = printf(&bytes[..period]);
    let mut commands = vec![format!("for i in $(seq {times}); do {once}; done")];
    let rest = &bytes[times * period..];
    if !rest.is_empty() {
        commands.push(printf(rest));
    }
    Some(commands)
}

/// El periodo más corto, por la función de prefijos de Knuth, Morris y Pratt.
fn period(bytes: &[u8]) -> usize {
    let mut borders = vec![0; bytes.len()];
    for index in 1..bytes.len() {
        let mut border = borders[index - 1];
        while border > 0 && bytes[index] != bytes[border] {
            border = borders[border - 1];
        }
        borders[index] = border + usize::from(bytes[index] == bytes[border]);
    }
    bytes.len() - borders.last().copied().unwrap_or(0)
}

/// Trozos literales con rachas largas de un mismo byte entre ellos.
fn runs(bytes: &[u8]) -> Option<Vec<String>> {
    let mut commands = Vec::new();
    let mut literal = Vec::new();
    let mut written = 0;
    for run in bytes.chunk_by(|left, right| left == right) {
        if run.len() < RUN {
            literal.extend_from_slice(run);
            continue;
        }
        written += flush(&mut literal, &mut commands);
        commands.push(format!("head -c {} /dev/zero | tr '\\0' '\\{:03o}'", run.len(), run[0]));
    }
    written += flush(&mut literal, &mut commands);
    (written <= LITERAL).then_some(commands)
}

fn flush(literal: &mut Vec<u8>, commands: &mut Vec<String>) -> usize {
    let bytes = std::mem::take(literal);
    if !bytes.is_empty() {
        commands.push(printf(&bytes));
    }
    bytes.len()
}

/// `printf 'NAME: ana\r\n'`, con todo lo que no se imprime en octal.
fn printf(bytes: &[u8]) -> String {
    let glyphs = readable::glyphs(bytes);
    let ends = glyphs.iter().skip(1).map(|glyph| glyph.at);
    let mut text = String::new();
    for (glyph, end) in glyphs.iter().zip(ends.chain([bytes.len()])) {
        match glyph.shown.as_str() {
            "'" => text.push_str(r"'\''"),
            "%" => text.push_str("%%"),
            "\\\"" => text.push('"'),
            // Un guion inicial parecería una opción de printf.
            "-" if glyph.at == 0 => text.push_str("\\055"),
            plain if !plain.starts_with('\\') => text.push_str(plain),
            same @ ("\\r" | "\\n" | "\\t" | "\\\\") => text.push_str(same),
            _ => text.extend(bytes[glyph.at..end].iter().map(|byte| format!("\\{byte:03o}"))),
        }
    }
    format!("printf '{text}'")
}

/// `sleep 0.2`
pub(crate) fn sleep(span: Duration) -> String {
    let seconds = format!("{:.2}", span.as_secs_f64());
    format!("sleep {}", seconds.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Lo que de verdad escribe un `sh` con esas órdenes.
    fn run(bytes: &[u8]) -> Vec<u8> {
        let script = print(bytes).unwrap().join("; ");
        let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
        assert!(output.stderr.is_empty(), "{script}");
        output.stdout
    }

    #[test]
    fn sh_escribe_exactamente_esos_bytes() {
        let every_byte: Vec<u8> = (0..=255).collect();
        let samples: [&[u8]; 5] = [
            &every_byte,
            b"-n 100% 'a' \"b\" \\r\r\n\xff\xc3",
            "¡Año! \u{200b}\u{fffd}".as_bytes(),
            b"\x00\x00\x00\x04hola",
            b"\xc3\xa9\xa9\xa9",
        ];
        for sample in samples {
            assert_eq!(run(sample), sample, "{}", printf(sample));
        }
    }

    #[test]
    fn lo_largo_se_escribe_por_su_regla() {
        let lines = crate::numbered_lines(100_000);
        let cut = &lines[..99_998];
        let requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(500);
        let padded = [b"\x00\x00\xfd\xe8".as_slice(), &b"x".repeat(65_000), b"fin"].concat();
        let ended = format!("{}\n", "ñ".repeat(513)).into_bytes();
        for sample in [&lines, cut, &requests, &padded, &ended] {
            assert!(print(sample).unwrap().join("; ").len() < 200);
            assert!(run(sample) == sample);
        }
    }

    #[test]
    fn lo_largo_sin_regla_no_se_escribe() {
        let squares: Vec<u8> =
            (0_u32..1000).flat_map(|number| (number * number % 997).to_le_bytes()).collect();
        assert_eq!(print(&squares), None);
    }

    #[test]
    fn el_periodo_es_el_más_corto() {
        assert_eq!(period(b"abcabcab"), 3);
        assert_eq!(period(b"aaaa"), 1);
        assert_eq!(period(b"abcd"), 4);
    }
}
