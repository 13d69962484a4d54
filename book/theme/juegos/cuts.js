// Un flujo en lecturas: se elige dónde acaba cada una, y se ve qué espera el descodificador.
'use strict';

board.open('juego-cortes', (table, root) => {
    const {element, announcer, keepArrows, count} = board;
    const {encode, readings, HEADER} = kernelRules;
    const TEXTS = ['hola', 'sí', 'adiós'];
    const stream = TEXTS.flatMap(encode);
    const last = stream.length - 1;
    // Los bytes en los que acaba una lectura.
    const cuts = new Set([5, last]);

    // La letra de la que es parte cada byte; los de una longitud, ninguna.
    const letters = TEXTS.flatMap(text => [
        ...Array(HEADER).fill(''),
        ...[...text].flatMap(letter => encode(letter).slice(HEADER).map((_, part, {length}) =>
            letter + (length > 1 ? '¹²'[part] : ''))),
    ]);
    const buttons = letters.map((letter, place) => {
        const hex = stream[place].toString(16).padStart(2, '0');
        const name = `Byte ${place + 1}${letter ? '' : ', de una longitud'}: `;
        const button = element('button', {type: 'button', class: letter ? 'byte' : 'byte longitud', tabindex: place ? -1 : 0},
            element('span', {class: 'veredicto'}, name), `${hex} `, element('span', {}, letter));
        button.addEventListener('click', () => press(place));
        return button;
    });
    const bar = element('div', {class: 'bytes', role: 'toolbar', 'aria-label': 'Dónde acaba cada lectura'}, ...buttons);
    const list = element('ol', {class: 'lecturas'});
    const said = announcer();

    function press(place) {
        focus(place);
        if (place !== last) {
            cuts[cuts.has(place) ? 'delete' : 'add'](place);
            paint();
        }
    }

    function focus(place) {
        buttons.forEach((button, other) => { button.tabIndex = other === place ? 0 : -1; });
        buttons[place].focus();
    }

    bar.addEventListener('keydown', event => {
        const now = buttons.indexOf(document.activeElement);
        const next = {ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: last}[event.key];
        if (buttons[next]) {
            event.preventDefault();
            focus(next);
        }
    });
    keepArrows(bar);

    // Qué tiene el descodificador, y qué le falta.
    function waits({kept, found}) {
        if (kept.length === 0) {
            return 'no queda nada a medias';
        }
        const lacks = `y le ${found.lacks === 1 ? 'falta' : 'faltan'} ${found.lacks}`;
        return `guarda ${count(kept.length, 'byte')}`
            + (found.ofLength ? `, ${lacks} de la longitud` : `: el texto mide ${found.length}, ${lacks}`);
    }

    function row(reading) {
        const texts = reading.texts.flatMap(text => [element('code', {}, text), ' ']);
        return element('li', {}, `${count(reading.got.length, 'byte')} → `,
            ...(texts.length ? texts : [element('em', {}, 'ningún mensaje'), ' ']), `· ${waits(reading)}`);
    }

    function paint() {
        const ends = [...cuts].sort((one, other) => one - other).map(place => place + 1);
        const all = readings(stream, ends);
        buttons.forEach((button, place) => {
            button.setAttribute('aria-pressed', String(cuts.has(place)));
            button.setAttribute('aria-disabled', String(place === last));
        });
        list.replaceChildren(...all.map(row));
        const waited = all.filter(({kept}) => kept.length).length;
        said.textContent = `${count(all.length, 'lectura')}, y los mensajes que salen son ${all.flatMap(({texts}) => texts).join(', ')}. `
            + (waited ? `Tras ${count(waited, 'lectura')}, el descodificador se quedó a la espera.` : 'El descodificador no tuvo que esperar.');
    }

    const hint = element('p', {class: 'pista'}, 'Pulsa un byte para que una lectura acabe en él, o para que siga. Los que no llevan letra son longitudes.');
    table.append(hint, bar, list, said);
    paint();
});
