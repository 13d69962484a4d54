//! La barra de lo que va hecho y lo que falta. Sin terminal, no se dibuja.

use indicatif::{ProgressBar, ProgressStyle};

use crate::measure::Progress;
use crate::wording::{connections, left};

/// Milésimas en que se divide la barra.
const STEPS: f64 = 1000.0;

/// Una barra en la salida de errores.
pub struct Bar(ProgressBar);

impl Bar {
    /// La empieza.
    pub fn start() -> Bar {
        let style = ProgressStyle::with_template("{bar:30} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏░");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bar = ProgressBar::new(STEPS as u64).with_style(style);
        Bar(bar)
    }

    /// Dice por dónde va un experimento.
    pub fn show(&self, progress: Progress) {
        let what = match progress.case {
            Some(case) => format!(
                "{}, {} ({} activas)",
                case.engine,
                connections(case.connections),
                case.active
            ),
            None => "hasta dónde llega select".to_owned(),
        };
        // Lo que falta, delante: en una terminal estrecha, lo último no cabe.
        self.tell(progress.done, &format!("faltan {} · {what}", left(progress.left)));
    }

    /// Dice cualquier otra cosa.
    pub fn tell(&self, done: f64, message: &str) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.0.set_position((done.clamp(0.0, 1.0) * STEPS) as u64);
        self.0.set_message(message.to_owned());
    }

    /// La borra.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}
