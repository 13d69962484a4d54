//! Texto de otras personas, sin peligro para quien lo lee ni para los archivos en que acaba.

/// Sin los caracteres que cambian cómo se ve lo demás: los de control, los que no ocupan nada y los
/// que dan la vuelta al texto (UAX 9). En su lugar queda U+FFFD.
pub(super) fn harmless(text: &str) -> String {
    let hidden = |character: char| {
        let invisible = matches!(character,
            '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}');
        invisible || (character.is_control() && !matches!(character, '\n' | '\t'))
    };
    let text = text.replace("\r\n", "\n");
    text.chars().map(|it| if hidden(it) { char::REPLACEMENT_CHARACTER } else { it }).collect()
}

/// Lo que cabe de un texto en tantos bytes.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// El nombre del archivo de un informe: el de la persona, sin lo que no puede ir en él.
pub(super) fn file_name(name: &str) -> String {
    const LONGEST: usize = 200;
    let safe: String =
        name.chars().map(|it| if matches!(it, '/' | '\0' | '\\') { '_' } else { it }).collect();
    // Ni oculto, ni «..», ni una opción de otra orden.
    let safe = beginning(&safe, LONGEST);
    let front = if safe.starts_with(['.', '-']) { "_" } else { "" };
    format!("{front}{safe}.md")
}
