//! `vigilar`: una pantalla que se actualiza al guardar, y que se deja con `q`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute};
use multiplexacion::cli::Trouble;
use multiplexacion::stop::Stop;

use super::check::Verdict;
use super::help::next_hint;
use crate::course::{Course, Exercise};
use crate::markdown;
use crate::paint;
use crate::progress::Progress;

/// Cada cuánto se mira si el archivo cambió. Se pregunta por su fecha en vez de pedir avisos al
/// núcleo: en las carpetas de Windows que monta WSL, inotify(7) no los da.
const GLANCE: Duration = Duration::from_millis(150);

/// Las líneas que se avanzan de una vez.
const PAGE: usize = 10;

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
    // A quien termina el programa desde fuera también hay que dejarle la terminal como estaba.
    let stop = Stop::on_signals()?;
    let screen = Screen::open()?;
    let view = View::Report;
    Watch { course, progress, exercise, screen, stop, view, times: 0 }.run()
}

/// Lo que se está vigilando, y lo que se ve.
struct Watch<'a> {
    course: &'a Course,
    progress: &'a mut Progress,
    exercise: &'a Exercise,
    screen: Screen,
    stop: Stop,
    view: View,
    /// Las comprobaciones que lleva este ejercicio.
    times: usize,
}

/// Lo que se ve.
#[derive(Clone)]
enum View {
    Report,
    Statement,
    Hint(String),
}

/// Una comprobación terminada.
struct Checked {
    verdict: Verdict,
    /// Cuál es, y lo que duró: si nada cambió, es lo que dice que se repitió.
    sign: String,
    /// El que sigue, si este está superado y queda alguno.
    has_next: bool,
}

impl Watch<'_> {
    fn run(mut self) -> Result<(), Trouble> {
        loop {
            let seen = saved_at(self.exercise);
            let started = Instant::now();
            let verdict = match self.examine(seen)? {
                Examined::Done(verdict) => verdict,
                Examined::Outdated => {
                    self.view = View::Report;
                    continue;
                }
                Examined::Abandoned => return Ok(()),
            };
            self.times += 1;
            if verdict.passed() {
                self.progress.note(self.exercise, |record| record.passed = true)?;
            }
            let next = self.progress.next(self.course).filter(|_| verdict.passed());
            let sign = sign(self.times, started.elapsed());
            match self.wait(&Checked { verdict, sign, has_next: next.is_some() }, seen)? {
                Wish::Again => self.view = View::Report,
                Wish::Next => {
                    if let Some(next) = next {
                        (self.exercise, self.times) = (next, 0);
                        // Lo primero de un ejercicio es leerlo.
                        self.view = View::Statement;
                    }
                }
                Wish::Leave => return Ok(()),
            }
        }
    }

    /// Comprueba el ejercicio sin dejar de atender al teclado.
    fn examine(&self, seen: Option<SystemTime>) -> Result<Examined, Trouble> {
        let (course, exercise) = (self.course, self.exercise);
        let abandoned = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let mut shown = None;
        thread::scope(|scope| {
            let checking = scope.spawn(|| Verdict::unless(&abandoned, course, exercise));
            while !checking.is_finished() {
                let seconds = started.elapsed().as_secs();
                let drawn =
                    if shown == Some(seconds) { Ok(()) } else { self.show_that_it_checks(seconds) };
                shown = Some(seconds);
                let leaves = drawn.and_then(|()| Ok(wants_to_leave(&self.stop)?));
                if !matches!(leaves, Ok(false)) || saved_at(exercise) != seen {
                    abandoned.store(true, Ordering::Relaxed);
                    let _ = checking.join();
                    let outcome =
                        |leaves| if leaves { Examined::Abandoned } else { Examined::Outdated };
                    return Ok(outcome(leaves?));
                }
            }
            checking.join().unwrap_or_else(|panic| resume_unwind(panic)).map(Examined::Done)
        })
    }

    /// Que se está comprobando y, si tarda, cuánto lleva.
    fn show_that_it_checks(&self, seconds: u64) -> Result<(), Trouble> {
        let waited = if seconds == 0 { String::new() } else { format!(" {seconds} s") };
        let (text, keys) = if matches!(self.view, View::Statement) {
            (self.statement()?, format!("Comprobando…{waited}  q sale"))
        } else {
            let id = paint::bold(&self.exercise.id);
            (format!("{id} · comprobando…{waited}"), "q sale".to_owned())
        };
        self.screen.show(&text, 0, &keys)?;
        Ok(())
    }

    fn statement(&self) -> Result<String, Trouble> {
        Ok(markdown::rendered(&self.exercise.statement()?, paint::width()))
    }

    /// Enseña el informe, y espera a que el archivo cambie o a que se pida algo.
    fn wait(&mut self, checked: &Checked, seen: Option<SystemTime>) -> Result<Wish, Trouble> {
        let mut top = 0;
        loop {
            let (text, keys) = match &self.view {
                View::Report => (checked.report(self.exercise), checked.keys()),
                View::Statement => {
                    (self.statement()?, "Otra tecla enseña el resultado · p pista · q sale")
                }
                View::Hint(hint) => {
                    (hint.clone(), "Otra tecla vuelve · p otra pista · e enunciado · q sale")
                }
            };
            top = self.screen.show(&text, top, keys)?;
            let event = loop {
                if self.stop.is_requested() {
                    return Ok(Wish::Leave);
                }
                if saved_at(self.exercise) != seen {
                    return Ok(Wish::Again);
                }
                if event::poll(GLANCE)? {
                    break event::read()?;
                }
            };
            let Event::Key(key) = event else { continue };
            if key.kind != KeyEventKind::Press {
                continue;
            }
            match key.code {
                _ if leaves(key) => return Ok(Wish::Leave),
                KeyCode::Char('r') => return Ok(Wish::Again),
                KeyCode::Char('s') if checked.has_next => return Ok(Wish::Next),
                KeyCode::Char('p') => {
                    let hint = next_hint(self.progress, self.exercise)?;
                    (self.view, top) = (View::Hint(hint.text), 0);
                }
                KeyCode::Char('e') => (self.view, top) = (View::Statement, 0),
                KeyCode::Down => top += 1,
                KeyCode::Up => top = top.saturating_sub(1),
                KeyCode::PageDown | KeyCode::Char(' ') => top += PAGE,
                KeyCode::PageUp => top = top.saturating_sub(PAGE),
                _ => (self.view, top) = (View::Report, 0),
            }
        }
    }
}

impl Checked {
    fn report(&self, exercise: &Exercise) -> String {
        let start_first = self.verdict.start_first(exercise).unwrap_or_default();
        format!("{}\n{}\n{start_first}", self.verdict.report(exercise), paint::dim(&self.sign))
    }

    fn keys(&self) -> &'static str {
        match (self.verdict.passed(), self.has_next) {
            (true, true) => "¡Superado!  s el siguiente · e enunciado · r repite · q sale",
            (true, false) => "¡Superado! No queda ninguno.  e enunciado · r repite · q sale",
            _ => "Guárdalo y se comprobará.  e enunciado · p pista · r repite · q sale",
        }
    }
}

/// `Comprobación 2, en 0,8 s.`
fn sign(times: usize, took: Duration) -> String {
    format!("Comprobación {times}, en {:.1} s.", took.as_secs_f64()).replacen('.', ",", 1)
}

/// En qué quedó una comprobación.
enum Examined {
    Done(Verdict),
    /// Mientras tanto se guardó otra versión.
    Outdated,
    /// Alguien quiere irse.
    Abandoned,
}

/// Si, en lo que dura un vistazo, alguien pide salir.
fn wants_to_leave(stop: &Stop) -> io::Result<bool> {
    if stop.is_requested() {
        return Ok(true);
    }
    Ok(event::poll(GLANCE / 5)? && matches!(event::read()?, Event::Key(key) if leaves(key)))
}

enum Wish {
    Again,
    Next,
    Leave,
}

fn leaves(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    matches!(key.code, KeyCode::Char('q') | KeyCode::Esc)
        || control && matches!(key.code, KeyCode::Char('c' | 'd'))
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

    /// Lo que quepa de `text` desde la línea `top`, y `keys` en la última. Devuelve desde qué línea
    /// lo enseña: la última pantalla es la que acaba con el texto.
    #[expect(clippy::unused_self, reason = "solo se dibuja mientras la pantalla está abierta")]
    fn show(&self, text: &str, top: usize, keys: &str) -> io::Result<usize> {
        let (columns, rows) = terminal::size()?;
        let (columns, room) = (usize::from(columns).max(1), usize::from(rows).saturating_sub(2));
        let lines = wrapped(text, columns);
        let (top, shown) = if lines.len() <= room {
            (0, room)
        } else {
            // Una línea dice que hay más.
            (top.min((lines.len() + 1).saturating_sub(room)), room.saturating_sub(1))
        };
        let mut screen = String::new();
        for line in lines.iter().skip(top).take(shown) {
            screen.push_str(line);
            screen.push_str("\r\n");
        }
        if lines.len() > room {
            screen.push_str(&paint::dim(match lines.len() - (top + shown).min(lines.len()) {
                0 => "… ↑ vuelve atrás",
                _ if top == 0 => "… ↓ para seguir leyendo",
                _ => "… ↑ ↓ para seguir leyendo",
            }));
        }
        let mut out = io::stdout().lock();
        execute!(out, Clear(ClearType::All), cursor::MoveTo(0, 0))?;
        out.write_all(screen.as_bytes())?;
        execute!(out, cursor::MoveTo(0, rows.saturating_sub(1)))?;
        out.write_all(paint::bold(&fitting(keys, columns)).as_bytes())?;
        out.flush()?;
        Ok(top)
    }
}

/// Las teclas, sin lo que se dice delante si no cabe todo.
fn fitting(keys: &str, columns: usize) -> String {
    let whole = keys.chars().count() <= columns;
    let keys = if whole { keys } else { keys.rsplit("  ").next().unwrap_or(keys) };
    keys.chars().take(columns).collect()
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Se hace lo que se pueda: al salir no queda a quién contar que no se pudo.
        let _ = execute!(io::stdout(), LeaveAlternateScreen, cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// Las líneas, partidas por un espacio si no caben. Las secuencias de color no ocupan sitio.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let line = line.replace('\t', "    ");
        let (mut piece, mut used, mut in_escape) = (String::new(), 0, false);
        // Dónde se puede partir: tras cuántos bytes y cuántas columnas.
        let mut gap = None;
        for character in line.chars() {
            in_escape = in_escape || character == '\x1b';
            if !in_escape && used == columns {
                let (bytes, before) = gap.take().unwrap_or((piece.len(), used));
                let rest = piece.split_off(bytes);
                lines.push(std::mem::replace(&mut piece, rest));
                used -= before;
            }
            piece.push(character);
            used += usize::from(!in_escape);
            in_escape = in_escape && character != 'm';
            // El sangrado no separa palabras.
            if character == ' ' && !piece.trim_start().is_empty() {
                gap = Some((piece.len(), used));
            }
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

    #[test]
    fn las_líneas_se_parten_entre_palabras() {
        assert_eq!(wrapped("¿quién lo despierta?", 12), ["¿quién lo ", "despierta?"]);
        assert_eq!(wrapped("  sangrada", 8), ["  sangra", "da"]);
    }

    #[test]
    fn si_no_cabe_todo_quedan_las_teclas() {
        assert_eq!(fitting("Guarda el archivo.  r repite · q sale", 20), "r repite · q sale");
        assert_eq!(fitting("¡Superado!  q sale", 20), "¡Superado!  q sale");
    }
}
