// Recarga la página cuando el libro cambia. Solo está con `cargo libro --servir`.
'use strict';

(async function reload() {
    let known = '';
    while (window.location.protocol !== 'file:') {
        try {
            const answer = await fetch('/__cambios?desde=' + known);
            const version = await answer.text();
            if (known && version !== known) {
                window.location.reload();
                return;
            }
            known = version;
        } catch {
            return; // El servidor terminó; al volver a arrancarlo se recarga a mano.
        }
    }
})();
