// Lo que no cabe en una pantalla estrecha: por dónde se parte y cómo se desplaza.
'use strict';

(function wide() {
    const SCROLLABLE = {'pre > code': 'Código', '.table-wrapper': 'Tabla', 'figure': 'Gráfica'};
    // Una palabra de código más larga que esto se parte, en una tabla y fuera de ella.
    const LONG_IN_TABLE = 12;
    const LONG = 24;
    // Por dónde: tras `::`, `/`, un paréntesis o una coma, y delante de un punto. Un identificador, un
    // número o una extensión, como `.rs`, no se parten.
    const BREAK = /(?<=::|\w\/|[(,|=])(?=[^\s)]{3})|(?<=[\w)\]"])(?=\.[a-z_]{4})/i;

    function whole(word) {
        const span = document.createElement('span');
        span.className = 'entera';
        span.textContent = word;
        return span;
    }

    function breakable(word, long) {
        // `--port`, `cliente-1`: el navegador los partiría tras el guion.
        if (word.includes('-') && word.length <= LONG) {
            return [whole(word)];
        }
        if (word.length <= long) {
            return [word];
        }
        return word.split(BREAK).flatMap((piece, place) =>
            place === 0 ? [piece] : [document.createElement('wbr'), piece]);
    }

    function breakSensibly() {
        for (const code of document.querySelectorAll('main :not(pre) > code')) {
            const long = code.closest('td') ? LONG_IN_TABLE : LONG;
            const words = code.textContent.split(/(\s+)/);
            code.replaceChildren(...words.flatMap(word => breakable(word, long)));
        }
    }

    // Lo que se desplaza de lado tiene que poder desplazarse sin ratón.
    function makeReachable(element, name) {
        if (element.scrollWidth > element.clientWidth) {
            element.tabIndex = 0;
            element.setAttribute('role', 'group');
            element.setAttribute('aria-label', name);
        } else {
            ['tabindex', 'role', 'aria-label'].forEach(attribute => element.removeAttribute(attribute));
        }
    }

    // Cabe o no según el ancho de la ventana; lo que está plegado, cuando se despliega; y con la letra del
    // libro, que puede llegar después que el texto sin que cambie lo que mide su caja.
    function watchWidths() {
        const all = Object.entries(SCROLLABLE).flatMap(([selector, name]) =>
            [...document.querySelectorAll(`main ${selector}`)].map(element => [element, name]));
        const names = new Map(all);
        const observer = new ResizeObserver(entries =>
            entries.forEach(({target}) => makeReachable(target, names.get(target))));
        all.forEach(([element]) => observer.observe(element));
        document.fonts.ready.then(() => all.forEach(([element, name]) => makeReachable(element, name)));
    }

    // Las flechas pasan de capítulo, pero no a quien está desplazando algo con ellas.
    function keepArrows() {
        document.querySelector('main').addEventListener('keydown', event => {
            if (/^Arrow(?:Left|Right)$/.test(event.key) && event.target.matches('[role=group][tabindex]')) {
                event.stopPropagation();
            }
        });
    }

    breakSensibly();
    keepArrows();
    watchWidths();
})();
