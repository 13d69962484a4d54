//! El informe de lo que salió mal, para leerlo entero tal como aparece al fallar una prueba.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;

use procfs::ProcError;

/// Lo que se esperaba y no ocurrió, con todo lo que hace falta para entenderlo.
///
/// [`Display`](fmt::Display) y [`Debug`] escriben el mismo informe: así una prueba que devuelve
/// `Result<(), Failure>` lo muestra al fallar, sin `unwrap` ni macros.
#[derive(Clone)]
pub struct Failure(Box<Report>);

#[derive(Clone, Default)]
struct Report {
    context: Vec<String>,
    headline: String,
    silence: bool,
    comparison: Vec<String>,
    purpose: Option<String>,
    hints: Vec<String>,
    sections: Vec<Section>,
    replay: Vec<String>,
    replayed_at: Option<SocketAddr>,
    doing: Option<Vec<String>>,
}

#[derive(Clone)]
struct Section {
    title: String,
    lines: Vec<String>,
}

impl Failure {
    /// Un fallo que dice, en una frase entera, qué ocurrió.
    pub fn new(headline: impl Into<String>) -> Self {
        Self(Box::new(Report { headline: headline.into(), ..Report::default() }))
    }

    /// La frase que dice qué ocurrió, sin el resto del informe.
    pub fn headline(&self) -> &str {
        &self.0.headline
    }

    /// La orden para repetirlo desde un intérprete de órdenes, si la hay.
    pub fn replay(&self) -> Option<String> {
        let commands = &self.0.replay;
        (!commands.is_empty()).then(|| commands.join("\n"))
    }

    /// Dónde escuchaba el servidor al que hablan esas órdenes.
    pub fn replayed_at(&self) -> Option<SocketAddr> {
        self.0.replayed_at
    }

    /// Añade dónde se estaba cuando ocurrió: encabeza el informe.
    pub fn within(mut self, context: impl Into<String>) -> Self {
        self.0.context.insert(0, context.into());
        self
    }

    /// Añade una frase entera a lo que ocurrió: cuántas respuestas llegaron antes, por ejemplo.
    pub(crate) fn adding(mut self, sentence: &str) -> Self {
        self.0.headline = format!("{} {sentence}", self.0.headline);
        self
    }

    /// Apunta qué hacía el servidor en ese momento, cuando nadie se había ido aún.
    pub(crate) fn while_doing(mut self, doing: Option<Vec<String>>) -> Self {
        self.0.doing = doing;
        self
    }

    /// Lo que se apuntó que hacía.
    pub(crate) fn doing(&self) -> Option<&[String]> {
        self.0.doing.as_deref()
    }

    /// Apunta que ocurrió porque se acabó la espera.
    pub(crate) fn by_silence(mut self) -> Self {
        self.0.silence = true;
        self
    }

    /// Si se esperaba algo, y se acabó la espera.
    pub(crate) fn is_silence(&self) -> bool {
        self.0.silence
    }

    /// Añade una pista para quien tenga que arreglarlo.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hints.push(hint.into());
        self
    }

    /// Añade al final un apartado con su título y sus renglones.
    pub fn section(
        mut self,
        title: impl Into<String>,
        lines: impl IntoIterator<Item = String>,
    ) -> Self {
        self.0.sections.push(Section { title: title.into(), lines: lines.into_iter().collect() });
        self
    }

    /// Si ya tiene un apartado con ese título, y no está vacío.
    pub fn has_section(&self, title: &str) -> bool {
        self.0.sections.iter().any(|section| section.title == title && !section.lines.is_empty())
    }

    /// Dice qué se pedía, para quien aún no lo consigue.
    pub(crate) fn of_asking(mut self, purpose: &str) -> Self {
        self.0.purpose = Some(purpose.to_owned());
        self
    }

    pub(crate) fn comparing(mut self, comparison: Vec<String>) -> Self {
        self.0.comparison = comparison;
        self
    }

    pub(crate) fn replayed_by(mut self, address: SocketAddr, commands: Vec<String>) -> Self {
        self.0.replay = commands;
        self.0.replayed_at = Some(address);
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &*self.0;
        for context in &report.context {
            writeln!(f, "{context}")?;
        }
        writeln!(f, "{}", report.headline)?;
        if !report.comparison.is_empty() {
            writeln!(f)?;
            indented(f, &report.comparison)?;
        }
        if let Some(purpose) = &report.purpose {
            writeln!(f, "\nSe pide: {purpose}")?;
        }
        for hint in &report.hints {
            writeln!(f, "\nPista: {hint}")?;
        }
        for section in report.sections.iter().filter(|section| !section.lines.is_empty()) {
            writeln!(f, "\n{}:\n", section.title)?;
            indented(f, &section.lines)?;
        }
        if !report.replay.is_empty() {
            writeln!(f, "\nPara repetirlo a mano:\n")?;
            indented(f, &report.replay)?;
        }
        Ok(())
    }
}

fn indented(f: &mut fmt::Formatter<'_>, lines: &[String]) -> fmt::Result {
    for line in lines {
        writeln!(f, "  {line}")?;
    }
    Ok(())
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Error for Failure {}

/// Para usar `?` con las pocas operaciones que una prueba hace fuera del arnés.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(format!("Falló una operación del sistema: {}.", errors::reason(&error)))
    }
}

/// Para usar `?` con lo que el núcleo cuenta en `/proc`.
impl From<ProcError> for Failure {
    fn from(error: ProcError) -> Self {
        let place = match &error {
            ProcError::PermissionDenied(path)
            | ProcError::NotFound(path)
            | ProcError::Incomplete(path)
            | ProcError::Io(_, path) => path.as_deref(),
            _ => None,
        };
        let place = place.unwrap_or("/proc".as_ref()).display();
        Self::new(format!("El núcleo no dice lo que se le pregunta en {place}."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_y_debug_escriben_el_mismo_informe() {
        let failure = Failure::new("Ocurrió algo.")
            .within("Etapa 1 de la lección 02_02: acepta y responde")
            .hint("mira aquí")
            .section("Salida", ["una línea".to_owned()])
            .replayed_by(([127, 0, 0, 1], 8800).into(), vec!["true".to_owned()]);
        assert_eq!(format!("{failure}"), format!("{failure:?}"));
        insta::assert_snapshot!(failure, @r"
        Etapa 1 de la lección 02_02: acepta y responde
        Ocurrió algo.

        Pista: mira aquí

        Salida:

          una línea

        Para repetirlo a mano:

          true
        ");
    }
}
