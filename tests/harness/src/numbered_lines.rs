//! Un mensaje largo que dice en cada punto por dónde va.

/// `1\n2\n3\n…`: al menos `length` bytes en líneas numeradas, las de la orden `seq`.
///
/// Es el mensaje largo ideal: no se repite, y en cualquier punto dice por dónde va.
pub fn numbered_lines(length: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(length + 32);
    let mut line = b"0\n".to_vec();
    while text.len() < length {
        increment(&mut line);
        text.extend_from_slice(&line);
    }
    text
}

/// Suma uno a las cifras de una línea: son millones, y darles formato cada vez se nota.
fn increment(line: &mut Vec<u8>) {
    let mut digit = line.len() - 1;
    while digit > 0 {
        digit -= 1;
        if line[digit] < b'9' {
            line[digit] += 1;
            return;
        }
        line[digit] = b'0';
    }
    line.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_líneas_van_numeradas_desde_el_uno() {
        assert_eq!(numbered_lines(20), b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
        assert!(numbered_lines(10_000).ends_with(b"\n2219\n2220\n2221\n2222\n"));
        assert!(numbered_lines(0).is_empty());
    }
}
