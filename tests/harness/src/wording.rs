//! Cómo se escriben en español las cantidades, las duraciones y los errores del sistema.

use std::io;
use std::time::Duration;

/// `1 byte`, `2 bytes`, `65 536 bytes`.
pub(crate) fn bytes(count: usize) -> String {
    quantity(count, "byte", "bytes")
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

/// Lo que dice el núcleo, sin la frase inglesa de la biblioteca de C.
pub(crate) fn os_error(error: &io::Error) -> String {
    use io::ErrorKind as Kind;
    let known = match error.kind() {
        Kind::ConnectionRefused => "conexión rechazada: nadie escucha en esa dirección",
        Kind::ConnectionReset => "el otro lado reinició la conexión (RST)",
        Kind::ConnectionAborted => "la conexión se abortó",
        Kind::BrokenPipe => "el otro lado ya no recibe",
        Kind::NotConnected => "el socket no está conectado",
        Kind::TimedOut | Kind::WouldBlock => "se acabó el tiempo",
        Kind::NotFound => "no existe ese archivo",
        Kind::PermissionDenied => "permiso denegado",
        Kind::AddrInUse => "la dirección está en uso",
        Kind::HostUnreachable | Kind::NetworkUnreachable => "no hay camino hasta esa dirección",
        _ => match error.raw_os_error() {
            Some(24) => "se acabaron los descriptores de archivo de este proceso (EMFILE)",
            Some(code) => return format!("error {code} del sistema"),
            None => return error.to_string(),
        },
    };
    known.to_owned()
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

    #[test]
    fn los_errores_del_sistema_se_dicen_en_español() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert!(os_error(&refused).starts_with("conexión rechazada"));
        assert_eq!(os_error(&io::Error::from_raw_os_error(95)), "error 95 del sistema");
    }
}
