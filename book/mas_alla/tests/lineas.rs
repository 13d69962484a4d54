//! Las líneas que dice el capítulo que tiene cada chat, contadas.

use std::fs;
use std::path::Path;

/// Lo que se cuenta: unos archivos, y cómo lo dice el capítulo de tokio.
const COUNTED: [(&[&str], &str); 6] = [
    (
        &[
            "lessons/02_03_select_chat/main.rs",
            "lessons/02_03_select_chat/server.rs",
            "lessons/02_03_select_chat/event_loop.rs",
            "lessons/02_03_select_chat/guest.rs",
            "lessons/02_03_select_chat/history.rs",
            "lessons/02_03_select_chat/messages.rs",
            "lessons/02_03_select_chat/sets.rs",
        ],
        "| `aplic_02_03` | {}, y ",
    ),
    (&["src/connection.rs", "src/frame.rs", "src/chat.rs"], ", y {} de `Connection`, los marcos"),
    (&["lessons/02_03_select_chat/keyboard.rs"], "que los otros no tienen: son {} más"),
    (&["book/mas_alla/src/bin/chat_mio.rs"], "| `chat_mio` | {}, "),
    (
        &[
            "lessons/02_03_select_chat/guest.rs",
            "lessons/02_03_select_chat/history.rs",
            "lessons/02_03_select_chat/messages.rs",
        ],
        ", {} de 02_03, y las mismas ",
    ),
    (&["book/mas_alla/src/bin/chat_tokio.rs"], "| `chat_tokio` | {}, y "),
];

#[test]
fn las_líneas_de_cada_chat_son_las_que_dice_el_capítulo() -> std::io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let chapter = fs::read_to_string(root.join("book/src/mas_alla/tokio.md"))?;
    for (files, told) in COUNTED {
        let mut count = 0;
        for file in files {
            count += lines_of_code(&fs::read_to_string(root.join(file))?);
        }
        let told = told.replace("{}", &count.to_string());
        assert!(chapter.contains(&told), "el capítulo no dice «{told}»");
    }
    Ok(())
}

/// Las líneas que no son comentarios ni están en blanco, sin contar las pruebas.
fn lines_of_code(code: &str) -> usize {
    let code = code.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}
