// Dos depósitos: cuánto acepta write, y cuándo se avisa a quien escribe.
'use strict';

board.open('juego-depositos', (table, root) => {
    const {element, shape, drawing, label, slider, announcer} = board;
    // En KiB.
    const LIMITS = {sending: 24, receiving: 16, message: 64};
    const THIRD = LIMITS.sending / 3;
    const [WIDTH, HEIGHT, FLOOR, SCALE, WIDE] = [344, 200, 166, 2.2, 62];
    // Las últimas llamadas que se ven.
    const SEEN = 5;

    // Un depósito: su contorno, lo que tiene, y cuánto es.
    function tank(x, size, kind, names) {
        const level = shape('rect', {class: `nivel ${kind}`, x, width: WIDE});
        const amount = label(x + WIDE / 2, FLOOR - size * SCALE - 6, '', {class: 'cantidad'});
        const walls = shape('rect', {class: 'paredes', x, y: FLOOR - size * SCALE, width: WIDE, height: size * SCALE});
        const titles = names.map((name, line) => label(x + WIDE / 2, FLOOR + 15 + 13 * line, name));
        const fill = value => {
            level.style.y = `${FLOOR - value * SCALE}px`;
            level.style.height = `${value * SCALE}px`;
            amount.textContent = value;
        };
        return {parts: [level, walls, amount, ...titles], fill};
    }

    const tanks = {
        left: tank(4, LIMITS.message, 'programa', ['tu cola']),
        sent: tank(94, LIMITS.sending, 'nucleo', ['búfer', 'de salida']),
        received: tank(184, LIMITS.receiving, 'nucleo', ['búfer', 'de entrada']),
        read: tank(274, LIMITS.message, 'programa', ['Beto', 'ha leído']),
    };
    const line = FLOOR - (LIMITS.sending - THIRD) * SCALE;
    const mark = shape('path', {class: 'raya', d: `M88 ${line}h74`});
    const third = label(80, line + 4, '⅓');
    const arrows = [80, 170, 260].map(x => shape('path', {class: 'flecha', d: `M${x - 8} ${FLOOR - 8}h14m-5 -4l5 4l-5 4`}));
    const scene = drawing(WIDTH, HEIGHT, ...Object.values(tanks).flatMap(({parts}) => parts), mark, third, ...arrows);
    const calls = element('ol', {class: 'llamadas'});
    const said = announcer();

    function told({notice, asked, accepted}) {
        if (notice) {
            return element('li', {class: 'avisa'}, 'aviso: se puede escribir');
        }
        const result = accepted === 0 ? 'EAGAIN' : accepted;
        const partial = accepted > 0 && accepted < asked ? ', solo una parte' : '';
        return element('li', {}, element('code', {}, `write(${asked}) = ${result}`), partial);
    }

    function sentence(read, {calls, left, sent, received}) {
        const free = LIMITS.sending - sent;
        const now = calls.filter(({at}) => at === read);
        if (read === LIMITS.message) {
            return 'Beto lo ha leído todo, y los dos depósitos están vacíos.';
        }
        if (read === 0) {
            return `Beto no lee. El núcleo acepta ${LIMITS.message - left} KiB entre los dos depósitos, y después dice EAGAIN. `
                + `En tu cola esperan ${left}.`;
        }
        if (now.some(({notice}) => notice)) {
            const accepted = now.reduce((sum, call) => sum + (call.accepted ?? 0), 0);
            return `Ya había ${THIRD} KiB libres, un tercio: llega el aviso, y write acepta ${accepted}. `
                + (left ? `En tu cola quedan ${left}.` : 'Tu cola está vacía: no esperas más avisos.');
        }
        return left > 0
            ? `En el búfer de salida hay ${free} KiB libres de ${LIMITS.sending}. Cabría algo, pero el núcleo no avisa hasta que sean ${THIRD}.`
            : `Tu cola está vacía: lo que queda en los depósitos, ${sent + received} KiB, lo entrega el núcleo sin ti.`;
    }

    const [control, move] = slider(root, {
        name: 'Beto ha leído',
        max: LIMITS.message,
        start: 0,
        tell: read => `${read} KiB`,
    }, read => {
        const state = kernelRules.tanks(LIMITS, read);
        Object.entries({...state, read}).forEach(([key, value]) => tanks[key]?.fill(value));
        calls.replaceChildren(...state.calls.slice(-SEEN).map(told));
        calls.start = Math.max(1, state.calls.length - SEEN + 1);
        scene.classList.toggle('pidiendo', state.waiting);
        scene.setAttribute('aria-label', `En tu cola, ${state.left} KiB; en el búfer de salida, ${state.sent} de `
            + `${LIMITS.sending}; en el de entrada, ${state.received} de ${LIMITS.receiving}; Beto ha leído ${read}.`);
        said.textContent = sentence(read, state);
    });
    table.append(control, element('div', {class: 'lados'}, scene, calls), said);
    move();
});
