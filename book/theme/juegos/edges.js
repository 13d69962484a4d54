// Por nivel y por flanco: qué pasa si se lee menos de lo que hay.
'use strict';

board.open('juego-flanco', (table, root) => {
    const {set, element, shape, drawing, label, slider, announcer, count} = board;
    // Los bytes que llegan antes de cada vuelta.
    const ARRIVALS = [10, 0, 0, 0, 2, 0, 0, 0];
    const MOST = Math.max(...ARRIVALS);
    const START = 4;
    const [WIDTH, HEIGHT, FLOOR, STEP, WIDE, SCALE] = [344, 136, 104, 42, 26, 7];
    const LEFT = (WIDTH - ARRIVALS.length * STEP) / 2 + (STEP - WIDE) / 2;

    // Una vuelta: lo que llega, lo que hay, lo que se lee y si se avisa.
    function column({arrived, before, told, got, left}, place) {
        const x = LEFT + place * STEP;
        const middle = x + WIDE / 2;
        const bar = (kind, from, size) => shape('rect', {class: kind, x, y: FLOOR - (from + size) * SCALE, width: WIDE, height: size * SCALE});
        return [
            bar('queda', 0, left),
            bar('lee', left, got),
            ...(arrived ? [label(middle, 12, `+${arrived}`, {class: 'llega'}),
                shape('path', {class: 'flecha', d: `M${middle} 16v9m-4 -5l4 5l4 -5`})] : []),
            ...(before && !arrived ? [label(middle, FLOOR - before * SCALE - 4, before, {class: 'cantidad'})] : []),
            shape('circle', {class: told ? 'avisa' : 'calla', cx: middle, cy: FLOOR + 16, r: told ? 7 : 3}),
        ];
    }

    function lane(edge, name) {
        const scene = drawing(WIDTH, HEIGHT);
        const draw = read => {
            const turns = kernelRules.notices(edge, ARRIVALS, read);
            scene.replaceChildren(shape('path', {class: 'suelo', d: `M4 ${FLOOR}h${WIDTH - 8}`}), ...turns.flatMap(column));
            const heard = turns.map(({told, got, left}, place) =>
                `Vuelta ${place + 1}: ${told ? `avisa, lees ${got}` : 'calla'}, quedan ${left}.`);
            set(scene, {'aria-label': [`${name}.`, ...heard].join(' ')});
            return turns;
        };
        return {draw, panel: element('div', {}, element('strong', {}, name), scene)};
    }

    // Lo que se dejó la primera vez y se leyó con la segunda.
    function waited(left) {
        if (left === 0) {
            return 'lo lees todo, y nada espera.';
        }
        return `${left === 1 ? 'el byte que dejaste esperó' : `los ${left} que dejaste esperaron`}, sin aviso, a que llegaran otros.`;
    }

    const [level, edge] = [lane(false, 'Por nivel'), lane(true, 'Por flanco')];
    const said = announcer();
    const [control, move] = slider(root, {
        name: 'En cada aviso lees',
        min: 1,
        max: MOST,
        start: START,
        tell: read => read === MOST ? `${read} bytes: todo` : count(read, 'byte'),
    }, read => {
        const tell = turns => ({times: turns.filter(({told}) => told).length, left: turns.at(-1).left});
        const [one, other] = [tell(level.draw(read)), tell(edge.draw(read))];
        said.textContent = `Por nivel, epoll avisa ${count(one.times, 'vez', 'veces')} `
            + (one.left ? `y seguirá avisando: quedan ${one.left}. ` : 'y no queda nada. ')
            + `Por flanco, ${count(other.times, 'vez', 'veces')}, una por llegada: `
            + (other.left ? `quedan ${count(other.left, 'byte')}, y no lo dirá hasta que llegue algo más.` : waited(MOST - read));
    });
    const key = element('p', {class: 'pista'}, 'Cada columna es una vuelta. La barra, lo que hay sin leer; la parte punteada, lo que lees. El círculo grande es un aviso.');
    table.append(control, element('div', {class: 'lados'}, level.panel, edge.panel), key, said);
    move();
});
