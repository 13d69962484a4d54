//! Cómo se escriben en español las cantidades y las duraciones.

use std::time::Duration;

/// `1 byte`, `2 bytes`, `65 536 bytes`.
pub(crate) fn bytes(count: usize) -> String {
    quantity(count, "byte", "bytes")
}

/// `32 MiB`: los enteros que caben.
pub(crate) fn mebibytes(count: usize) -> String {
    format!("{} MiB", count / (1024 * 1024))
}

/// La cantidad con su sustantivo, en singular o en plural.
pub(crate) fn quantity(count: usize, singular: &str, plural: &str) -> String {
    let noun = if count == 1 { singular } else { plural };
    format!("{} {noun}", grouped(count))
}

/// Los millares separados por un espacio, a partir de cinco cifras, como pide la ortografía.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    if digits.len() < 5 {
        return digits;
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `250 ms`, `10 s`, `1,5 s`.
pub(crate) fn duration(span: Duration) -> String {
    let millis = span.as_millis();
    if millis < 1000 {
        return format!("{millis} ms");
    }
    let text = format!("{:.1}", span.as_secs_f64()).replace('.', ",");
    format!("{} s", text.trim_end_matches(",0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_cantidades_concuerdan_y_agrupan_sus_cifras() {
        assert_eq!(bytes(0), "0 bytes");
        assert_eq!(bytes(1), "1 byte");
        assert_eq!(bytes(9999), "9999 bytes");
        assert_eq!(bytes(65_536), "65 536 bytes");
        assert_eq!(bytes(4_294_967_295), "4 294 967 295 bytes");
    }

    #[test]
    fn las_duraciones_llevan_coma_decimal() {
        assert_eq!(duration(Duration::from_millis(250)), "250 ms");
        assert_eq!(duration(Duration::from_secs(10)), "10 s");
        assert_eq!(duration(Duration::from_millis(1500)), "1,5 s");
    }
}
