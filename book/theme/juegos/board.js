// Lo que comparten los juegos.
//
// Sin él, o en papel, en el lugar de cada juego se lee una tabla.
'use strict';

globalThis.board = (() => {
    function set(node, attributes) {
        Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
        return node;
    }

    const builder = create => (tag, attributes = {}, ...children) => {
        const created = set(create(tag), attributes);
        created.append(...children);
        return created;
    };
    const element = builder(tag => document.createElement(tag));
    const shape = builder(tag => document.createElementNS('http://www.w3.org/2000/svg', tag));

    // Un dibujo, y cómo se oye.
    function drawing(width, height, ...children) {
        return shape('svg', {viewBox: `0 0 ${width} ${height}`, role: 'img', class: 'escena'}, ...children);
    }

    function label(x, y, text, attributes = {}) {
        return shape('text', {x, y, ...attributes}, text);
    }

    // Las flechas pasan de capítulo, pero no a quien mueve algo con ellas.
    function keepArrows(control) {
        control.addEventListener('keydown', event => {
            if (event.key.startsWith('Arrow')) {
                event.stopPropagation();
            }
        });
    }

    // El mando: una barra con su rótulo. `tell` dice cada valor en palabras.
    function slider(root, {name, max, min = 0, start, tell}, change) {
        const id = `${root.id}-mando`;
        const input = element('input', {type: 'range', id, min, max, step: 1});
        const said = element('output', {for: id});
        const move = () => {
            said.textContent = tell(input.valueAsNumber);
            input.setAttribute('aria-valuetext', said.textContent);
            change(input.valueAsNumber);
        };
        input.value = start;
        input.addEventListener('input', move);
        keepArrows(input);
        return [element('p', {class: 'mando'}, element('label', {for: id}, name), input, said), move];
    }

    // Donde se dice qué pasa: un lector de pantalla lo lee cuando cambia.
    function announcer() {
        return element('p', {class: 'cuenta', role: 'status'});
    }

    // Prepara el juego de ese nombre, si está en la página y no es la de imprimir.
    function open(id, build) {
        const root = document.getElementById(id);
        if (root && !location.pathname.endsWith('print.html')) {
            const table = element('div', {class: 'tablero'});
            root.classList.add('activo');
            root.append(table);
            build(table, root);
        }
    }

    // «10 000», como en el resto del libro.
    function figure(number) {
        return number.toLocaleString('es').replaceAll('.', '\u202f');
    }

    // «1 byte», «3 bytes».
    function count(number, one, many = `${one}s`) {
        return `${figure(number)} ${number === 1 ? one : many}`;
    }

    return {set, element, shape, drawing, label, keepArrows, slider, announcer, open, figure, count};
})();
