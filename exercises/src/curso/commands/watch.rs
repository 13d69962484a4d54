//! `vigilar`: una pantalla que se actualiza al guardar, y que se deja con `q`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute};
use multiplexacion::cli::Trouble;

use super::check::Verdict;
use crate::course::{Course, Exercise};
use crate::paint;
use crate::progress::Progress;

/// Cada cuánto se mira si el archivo cambió. Se pregunta por su fecha en vez de pedir avisos al
/// núcleo: en las carpetas de Windows que monta WSL, inotify(7) no los da.
const GLANCE: Duration = Duration::from_millis(150);

/// Vigila un ejercicio, y los que sigan, hasta que alguien pulse `q`.
pub(crate) fn watch(
    course: &Course,
    progress: &mut Progress,
    exercise: &Exercise,
) -> Result<(), Trouble> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Trouble::new(
            "«vigilar» necesita una terminal",
            "usa «cargo curso probar», que se ejecuta una vez",
        ));
    }
    let screen = Screen::open()?;
    let mut exercise = exercise;
    loop {
        let seen = saved_at(exercise);
        screen.show(&format!("{} · comprobando…", paint::bold(&exercise.id)), "q sale")?;
        let verdict = Verdict::on(course, exercise)?;
        if verdict.passed() {
            progress.note(exercise, |record| record.passed = true)?;
        }
        let next = progress.next(course).filter(|_| verdict.passed());
        let keys = match next {
            Some(_) => "¡Superado!  s pasa al siguiente · r repite · q sale",
            None if verdict.passed() => "¡Superado! No queda ninguno más.  r repite · q sale",
            None => "Guarda el archivo y se comprobará.  p da una pista · r repite · q sale",
        };
        let report = verdict.report(exercise);
        screen.show(&report, keys)?;
        match wait(&screen, &report, exercise, progress, seen)? {
            Wish::Again => {}
            Wish::Next => exercise = next.unwrap_or(exercise),
            Wish::Leave => return Ok(()),
        }
    }
}

enum Wish {
    Again,
    Next,
    Leave,
}

/// Espera a que el archivo cambie o a que se pida algo.
fn wait(
    screen: &Screen,
    report: &str,
    exercise: &Exercise,
    progress: &mut Progress,
    seen: Option<SystemTime>,
) -> Result<Wish, Trouble> {
    loop {
        if saved_at(exercise) != seen {
            return Ok(Wish::Again);
        }
        if !event::poll(GLANCE)? {
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                _ if leaves(key) => return Ok(Wish::Leave),
                KeyCode::Char('r') => return Ok(Wish::Again),
                KeyCode::Char('s') => return Ok(Wish::Next),
                KeyCode::Char('p') => {
                    let hint = next_hint(exercise, progress)?;
                    screen.show(&hint, "Otra tecla vuelve · p da otra pista · q sale")?;
                }
                _ => screen.show(report, "p da una pista · r repite · q sale")?,
            },
            Event::Resize(..) => screen.show(report, "p da una pista · r repite · q sale")?,
            _ => {}
        }
    }
}

fn leaves(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
        || control && matches!(key.code, KeyCode::Char('c' | 'd'))
}

fn next_hint(exercise: &Exercise, progress: &mut Progress) -> Result<String, Trouble> {
    let hints = exercise.hints()?;
    let number = (progress.record(exercise).hints + 1).min(hints.len());
    progress.note(exercise, |record| record.hints = number)?;
    let text = number.checked_sub(1).and_then(|index| hints.get(index));
    let text = text.map_or("No hay pistas.", String::as_str);
    Ok(format!("{} · pista {number} de {}: {text}", paint::bold(&exercise.id), hints.len()))
}

/// Cuándo se guardó por última vez; nada, si un editor lo está sustituyendo.
fn saved_at(exercise: &Exercise) -> Option<SystemTime> {
    fs::metadata(exercise.work()).and_then(|data| data.modified()).ok()
}

/// La pantalla alternativa de la terminal; al descartarse, todo queda como estaba.
struct Screen;

impl Screen {
    fn open() -> io::Result<Screen> {
        terminal::enable_raw_mode()?;
        let screen = Screen;
        execute!(io::stdout(), EnterAlternateScreen, cursor::Hide)?;
        Ok(screen)
    }

    /// Lo que quepa de `text`, y `keys` en la última línea.
    #[expect(clippy::unused_self, reason = "solo se dibuja mientras la pantalla está abierta")]
    fn show(&self, text: &str, keys: &str) -> io::Result<()> {
        let (columns, rows) = terminal::size()?;
        let room = usize::from(rows).saturating_sub(2);
        let lines = wrapped(text, usize::from(columns).max(1));
        let mut screen = String::new();
        let cut = lines.len() > room;
        for line in lines.iter().take(if cut { room.saturating_sub(1) } else { room }) {
            screen.push_str(line);
            screen.push_str("\r\n");
        }
        if cut {
            screen.push_str("… (con «cargo curso probar» lo verás entero)\r\n");
        }
        let mut out = io::stdout().lock();
        execute!(out, Clear(ClearType::All), cursor::MoveTo(0, 0))?;
        out.write_all(screen.as_bytes())?;
        execute!(out, cursor::MoveTo(0, rows.saturating_sub(1)))?;
        let keys: String = keys.chars().take(usize::from(columns)).collect();
        out.write_all(paint::bold(&keys).as_bytes())?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Se hace lo que se pueda: al salir no queda a quién contar que no se pudo.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// Las líneas, partidas donde acaba la pantalla. Las secuencias de color no ocupan sitio.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let (mut piece, mut used, mut in_escape) = (String::new(), 0, false);
        for character in line.chars() {
            in_escape = in_escape || character == '\x1b';
            if !in_escape && used == columns {
                lines.push(std::mem::take(&mut piece));
                used = 0;
            }
            piece.push(character);
            used += usize::from(!in_escape);
            in_escape = in_escape && character != 'm';
        }
        lines.push(piece);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn las_líneas_se_parten_sin_contar_los_colores() {
        assert_eq!(wrapped("abcd", 3), ["abc", "d"]);
        assert_eq!(wrapped("\x1b[1mabc\x1b[0m\n\nñ", 3), ["\x1b[1mabc\x1b[0m", "", "ñ"]);
    }
}
