//! Las fotos: los textos que se revisaron, en `tests/snapshots/`.

/// Compara `text` con la foto `name`, que empieza por el nombre de su módulo.
pub(crate) fn photograph(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}
