//! La barra de lo que va hecho y lo que falta. Sin terminal, no se dibuja.

use indicatif::{ProgressBar, ProgressStyle};

/// Milésimas en que se divide la barra.
const STEPS: f64 = 1000.0;

/// Una barra en la salida de errores.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn start() -> Bar {
        let style = ProgressStyle::with_template("{bar:30} {wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("█▉▊▋▌▍▎▏░");
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bar = ProgressBar::new(STEPS as u64).with_style(style);
        Bar(bar)
    }

    /// Dice por dónde va. En una terminal estrecha, el final del mensaje no cabe.
    pub(crate) fn tell(&self, done: f64, message: &str) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        self.0.set_position((done.clamp(0.0, 1.0) * STEPS) as u64);
        self.0.set_message(message.to_owned());
    }

    pub(crate) fn finish(&self) {
        self.0.finish_and_clear();
    }
}
