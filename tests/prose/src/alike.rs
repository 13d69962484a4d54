//! Comparar lo que está escrito con lo de hoy, sin lo que es de cada vez.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use harness::Failure;
use regex_lite::{Captures, Regex};

/// Lo que cambia de una vez a otra: cada expresión regular (sin las letras de otros alfabetos en
/// `\w`), y lo que se pone donde la cumple.
#[derive(Debug)]
pub struct Varying(Vec<(Regex, &'static str)>);

impl Varying {
    /// Se aplican en orden, cada una sobre lo que dejó la anterior. En lo que se pone, `$1` es el
    /// primer grupo.
    ///
    /// # Panics
    /// Alguna no es una expresión regular.
    pub fn new(rules: &[(&str, &'static str)]) -> Varying {
        Varying(rules.iter().map(|&(pattern, new)| (regex(pattern), new)).collect())
    }

    /// El texto, sin lo que cambia.
    pub fn erased(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, (pattern, new)| {
            pattern.replace_all(&text, *new).into_owned()
        })
    }
}

/// Una expresión regular que está escrita en el código.
pub(crate) fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("es una constante, y la prueba que la usa la compila")
}

/// Cada número distinto, por su orden de aparición: `N1`, `N2`… Los que eran iguales lo siguen siendo.
pub fn figures_named(text: &str) -> String {
    static FIGURE: LazyLock<Regex> = LazyLock::new(|| regex("()([0-9]+)"));
    named(text, &FIGURE, 'N')
}

/// Lo que cuenta `-v`, sin las horas, y con un nombre para cada puerto y cada descriptor, que
/// dependen de la máquina: `P1`, `P2`…, `D1`, `D2`… Los que eran iguales lo siguen siendo.
pub fn steps_named(text: &str) -> String {
    static TIME: LazyLock<Regex> = LazyLock::new(|| regex(r"(?m)^\[ *[0-9.]+\]"));
    static PORT: LazyLock<Regex> = LazyLock::new(|| regex(r"(127\.0\.0\.1:)([0-9]+)"));
    static DESCRIPTOR: LazyLock<Regex> =
        LazyLock::new(|| regex(r"(\(|listo: |descriptor |añadido )([0-9]+)"));
    let text = named(&TIME.replace_all(text, "[segundos]"), &PORT, 'P');
    named(&text, &DESCRIPTOR, 'D')
}

/// Cambia lo que cumple el segundo grupo por su nombre: esa letra, y su número de orden.
fn named(text: &str, pattern: &Regex, letter: char) -> String {
    let mut seen: Vec<String> = Vec::new();
    let name = |found: &Captures<'_>| {
        let known = seen.iter().position(|other| *other == found[2]);
        let index = known.unwrap_or_else(|| {
            seen.push(found[2].to_owned());
            seen.len() - 1
        });
        format!("{}{letter}{}", &found[1], index + 1)
    };
    pattern.replace_all(text, name).into_owned()
}

/// Comprueba que se vea lo que está escrito. `plain` quita de los dos lo que es de cada vez.
pub fn same(written: &str, seen: &str, plain: impl Fn(&str) -> String) -> Result<(), Failure> {
    let [written, seen] = [written, seen].map(|text| plain(&on_screen(text)));
    if written == seen {
        return Ok(());
    }
    Err(Failure::new("La respuesta no es la que dice el texto.")
        .section("El texto dice", written.lines().map(str::to_owned))
        .section("Y responde", seen.lines().map(str::to_owned)))
}

/// Lo que se ve en una terminal: sin caracteres de control ni espacios al final. La fecha, que es
/// siempre otra, no se compara.
fn on_screen(text: &str) -> String {
    let visible = |letter: &char| matches!(letter, '\n' | '\t') || !letter.is_control();
    let text: String = text.chars().filter(visible).collect();
    let undated = |line| if str::starts_with(line, "Date: ") { "Date: (ahora)" } else { line };
    let lines: Vec<&str> = text.lines().map(str::trim_end).map(undated).collect();
    lines.join("\n").trim_end().to_owned()
}

/// Comprueba que las líneas de `excerpt` estén, en su orden, entre las de hoy.
pub fn in_order(excerpt: &[String], today: &[String]) -> Result<(), Failure> {
    let mut rest = today.iter();
    let Some(missing) = excerpt.iter().find(|line| !rest.any(|now| now == *line)) else {
        return Ok(());
    };
    Err(Failure::new(format!("Hoy falta, o no está en su sitio:\n  {missing}"))
        .section("El texto dice", excerpt.iter().cloned())
        .section("Y hoy ocurre", today.iter().cloned()))
}

/// Comprueba que la sesión de ese archivo sea la de hoy.
///
/// Con `INSTA_UPDATE=always`, si es otra, la escribe en su sitio.
pub fn recorded(file: &Path, today: &str, plain: impl Fn(&str) -> String) -> Result<(), Failure> {
    let compared = same(&fs::read_to_string(file).unwrap_or_default(), today, plain);
    if compared.is_err() && env::var("INSTA_UPDATE").is_ok_and(|mode| mode == "always") {
        return Ok(fs::write(file, today)?);
    }
    let whose = format!("La sesión {} ya no es la de hoy.", file.display());
    compared.map_err(|failure| {
        failure.within(whose).hint("con `INSTA_UPDATE=always` se escribe la de hoy en su sitio")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn se_quita_lo_que_varía_y_los_números_iguales_lo_siguen_siendo() {
        assert_eq!(figures_named("7 de 70, y 7 otra vez"), "N1 de N2, y N1 otra vez");
        let told = "[   0.5] read(7): de 127.0.0.1:99\n[   1.5] listo: 7\n[   2.5] read(70)";
        let named =
            "[segundos] read(D1): de 127.0.0.1:P1\n[segundos] listo: D1\n[segundos] read(D2)";
        assert_eq!(steps_named(told), named);
        let varying = Varying::new(&[("([0-9]+) ms", "$1 s"), ("[0-9]+", "N")]);
        assert_eq!(varying.erased("12 ms"), "N s");
    }

    #[test]
    fn un_extracto_ha_de_estar_en_su_orden() {
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert!(in_order(&lines("b d"), &lines("a b c d")).is_ok());
        let failure = in_order(&lines("d b"), &lines("a b c d")).unwrap_err();
        assert!(failure.headline().ends_with("  b"), "{failure}");
    }
}
