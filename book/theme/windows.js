// Las ventanas de un capítulo: un enlace a un paso la pone a la vista, y toma los colores del libro.
'use strict';

(function windows() {
    const frames = [...document.querySelectorAll('.ventana > iframe')];

    // El propio enlace abre el paso en ella: aquí solo falta que se vea, y que las flechas sean suyas.
    document.addEventListener('click', event => {
        const link = event.target.closest('a[target^="ventana-"]');
        const frame = link && !event.ctrlKey && !event.metaKey && !event.shiftKey
            && frames.find(({name}) => name === link.target);
        if (frame) {
            frame.parentElement.scrollIntoView({block: 'nearest'});
            frame.focus({preventScroll: true});
        }
    });

    // Con `file://`, cada página es de un origen distinto: no se puede tocar, pero sí enviarle un recado.
    function tell(frame) {
        const dark = !document.documentElement.classList.contains('light');
        frame.contentWindow.postMessage({theme: dark ? 'dark' : 'light'}, '*');
    }

    frames.forEach(frame => frame.addEventListener('load', () => tell(frame)));
    new MutationObserver(() => frames.forEach(tell))
        .observe(document.documentElement, {attributes: true, attributeFilter: ['class']});
})();
