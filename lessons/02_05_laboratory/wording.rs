//! Números y cantidades para leer, a la española: coma decimal y miles con espacio fino.

use std::time::Duration;

/// Espacio fino que no se parte, entre miles y ante las unidades.
pub(crate) const THIN: char = '\u{202F}';

/// Un entero como número con decimales. Pasado de 2⁵³ pierde cifras, y nada aquí llega.
#[expect(clippy::cast_precision_loss)]
pub(crate) fn lossy(number: u64) -> f64 {
    number as f64
}

/// Un entero, con los miles separados a partir de cinco cifras: `1000`, `10 000`.
pub(crate) fn count(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(THIN);
        }
        text.push(digit);
    }
    text
}

/// Un número con tres cifras que importan, o cuatro si son enteras: `0,85`, `12,3`, `1250`,
/// `151 000`.
pub(crate) fn number(value: f64) -> String {
    if value < 0.0 {
        return format!("−{}", number(-value));
    }
    let decimals = match value {
        size if size < 0.005 => 0,
        size if size < 9.995 => 2,
        size if size < 99.95 => 1,
        size if size < 10_000.0 => return whole(size),
        size => return whole(significant(size, 3)),
    };
    format!("{value:.decimals$}").replace('.', ",")
}

/// El mismo número, redondeado a tantas cifras.
#[expect(clippy::cast_possible_truncation)]
fn significant(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(value.log10().floor() as i32 + 1 - digits);
    (value / unit).round() * unit
}

/// Un número positivo sin decimales.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub(crate) fn whole(value: f64) -> String {
    count(value.round() as u64)
}

/// Una cantidad aproximada, con dos cifras que importan: `160` y no `162`, `2,3` y no `2,31`.
pub(crate) fn about(value: f64) -> String {
    if value < 1.0 {
        return number(value);
    }
    let text = number(significant(value, 2));
    let Some((whole, decimals)) = text.split_once(',') else { return text };
    match decimals.trim_end_matches('0') {
        "" => whole.to_owned(),
        decimals => format!("{whole},{decimals}"),
    }
}

/// Un tiempo dado en microsegundos: `8,5 µs`, `1,20 ms`.
pub(crate) fn microseconds(value: f64) -> String {
    if value < 1000.0 {
        format!("{}{THIN}µs", number(value))
    } else if value < 1_000_000.0 {
        format!("{}{THIN}ms", number(value / 1000.0))
    } else {
        format!("{}{THIN}s", number(value / 1_000_000.0))
    }
}

/// Un tiempo dado en nanosegundos, en la unidad que mejor se lea.
pub(crate) fn nanoseconds(value: f64) -> String {
    if value < 1000.0 { format!("{}{THIN}ns", number(value)) } else { microseconds(value / 1000.0) }
}

/// Una cantidad de memoria dada en bytes.
pub(crate) fn bytes(value: f64) -> String {
    if value < 10_000.0 {
        format!("{}{THIN}B", whole(value))
    } else if value < 1024.0 * 1024.0 {
        format!("{}{THIN}KiB", number(value / 1024.0))
    } else {
        format!("{}{THIN}MiB", number(value / 1024.0 / 1024.0))
    }
}

/// Una conexión, dos conexiones.
pub(crate) fn connections(number: usize) -> String {
    let unit = if number == 1 { "conexión" } else { "conexiones" };
    format!("{} {unit}", count(number as u64))
}

/// Lo que falta: `40 s`, `2 min 5 s`.
pub(crate) fn left(time: Duration) -> String {
    match (time.as_secs() / 60, time.as_secs() % 60) {
        (0, seconds) => format!("{seconds} s"),
        (minutes, seconds) => format!("{minutes} min {seconds} s"),
    }
}

/// `a, b y c`.
pub(crate) fn list<T: ToString>(items: &[T]) -> String {
    let words: Vec<String> = items.iter().map(ToString::to_string).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} y {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn los_números_se_leen_en_español() {
        assert_eq!(count(1024), "1024");
        assert_eq!(count(10_000), "10\u{202F}000");
        assert_eq!(count(1_234_567), "1\u{202F}234\u{202F}567");
        assert_eq!(number(0.854), "0,85");
        assert_eq!(number(12.34), "12,3");
        assert_eq!(number(1250.4), "1250");
        assert_eq!(number(151_104.0), "151\u{202F}000");
        assert_eq!(number(2_845_695.0), "2\u{202F}850\u{202F}000");
        assert_eq!(number(9.999), "10,0");
        assert_eq!(number(99.97), "100");
        assert_eq!(number(-3.5), "−3,50");
        assert_eq!(number(0.0), "0");
    }

    #[test]
    fn lo_aproximado_lleva_dos_cifras_que_importan() {
        assert_eq!(about(162.3), "160");
        assert_eq!(about(165.0), "170");
        assert_eq!(about(98.7), "99");
        assert_eq!(about(99.6), "100");
        assert_eq!(about(10.4), "10");
        assert_eq!(about(12_345.0), "12\u{202F}000");
        assert_eq!(about(2.31), "2,3");
        assert_eq!(about(3.0), "3");
        assert_eq!(about(0.4), "0,40");
    }

    #[test]
    fn las_unidades_se_eligen_solas() {
        assert_eq!(nanoseconds(850.0), "850\u{202F}ns");
        assert_eq!(nanoseconds(8500.0), "8,50\u{202F}µs");
        assert_eq!(microseconds(1200.0), "1,20\u{202F}ms");
        assert_eq!(bytes(390.0), "390\u{202F}B");
        assert_eq!(bytes(12_288.0), "12,0\u{202F}KiB");
        assert_eq!(left(Duration::from_secs(125)), "2 min 5 s");
        assert_eq!(list(&["hilos", "select", "poll"]), "hilos, select y poll");
        assert_eq!(connections(1), "1 conexión");
    }
}
