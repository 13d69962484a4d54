//! Los listados de una página: sin el margen que traen de su archivo, porque un método está dentro de
//! una clase y aquí no; y, si son de dos lenguajes, con lo que ocupan uno al lado del otro.

const START: &str = "<pre><code class=\"language-";

/// La página, con cada listado de un programa pegado a la izquierda.
pub(crate) fn without_margins(page: &str) -> String {
    let mut pieces = page.split(START);
    let before = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(before, |page, piece| {
        page + START + &without_margin(piece).unwrap_or_else(|| piece.to_owned())
    })
}

/// Lo que va desde el lenguaje de un listado hasta el siguiente; `None` si no es un programa, sino un
/// dibujo o lo que escribe una terminal.
fn without_margin(piece: &str) -> Option<String> {
    let is_program = piece.starts_with("python") || piece.starts_with("rust");
    let (attributes, rest) = piece.split_once('>').filter(|_| is_program)?;
    let (code, rest) = rest.split_once("</code>")?;
    Some(format!("{attributes}>{}</code>{rest}", dedented(code)))
}

fn dedented(code: &str) -> String {
    let margin = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let written = code.lines().filter(|line| !line.trim().is_empty());
    let common = written.map(margin).min().unwrap_or(0);
    code.split_inclusive('\n').map(|line| line.get(common..).unwrap_or("\n")).collect()
}

/// La página, con las columnas que suman los listados de cada `dos-lenguajes`: según ellas elige
/// `curso.css` el tamaño de la letra.
pub(crate) fn with_columns(page: &str) -> String {
    const PAIR: &str = "<div class=\"dos-lenguajes\"";
    let mut pieces = page.split(PAIR);
    let before = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(before, |page, piece| {
        let pair = piece.split("</div>").next().unwrap_or_default();
        let columns: usize = pair.split(START).skip(1).map(columns).sum();
        format!("{page}{PAIR} style=\"--columnas: {columns}\"{piece}")
    })
}

/// Las de la línea más larga de un listado, que empieza por su lenguaje.
fn columns(listing: &str) -> usize {
    let code = listing.split_once('>').map_or("", |(_, code)| code);
    let code = code.split("</code>").next().unwrap_or_default();
    let width = |line: &str| {
        let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")];
        let written =
            entities.iter().fold(line.to_owned(), |line, (entity, c)| line.replace(entity, c));
        written.chars().count()
    };
    code.lines().map(width).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn un_método_pierde_el_margen_de_su_clase() {
        let page = |code: &str| {
            format!("<p>    a</p><pre><code class=\"language-python\">{code}</code></pre>    b")
        };
        let method = "    def f(self):\n\n        return \"&lt;\"\n";
        assert_eq!(without_margins(&page(method)), page("def f(self):\n\n    return \"&lt;\"\n"));
    }

    #[test]
    fn lo_que_no_es_un_programa_se_queda_igual() {
        let drawing = "<pre><code class=\"language-text\">   ▲\n</code></pre>";
        let function =
            "<pre><code class=\"language-rust ignore\">fn f() {\n    g();\n}</code></pre>";
        assert_eq!(without_margins(drawing), drawing);
        assert_eq!(without_margins(function), function);
    }

    #[test]
    fn dos_lenguajes_dicen_las_columnas_que_suman() {
        let pair = |style: &str| {
            format!(
                "a<div class=\"dos-lenguajes\"{style}><pre><code class=\"language-python\">x\nañb\n\
                 </code></pre><pre><code class=\"language-rust ignore\">&amp;b&lt;c\n</code></pre></div>"
            )
        };
        assert_eq!(with_columns(&pair("")), pair(" style=\"--columnas: 7\""));
    }
}
