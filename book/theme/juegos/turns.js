// select y epoll: a cuántos se mira para oír a uno.
'use strict';

board.open('juego-vuelta', (table, root) => {
    const {set, element, shape, drawing, slider, announcer, figure, count} = board;
    const {selectTurn, epollTurn} = kernelRules;
    // Los tres de siempre, el que escucha y el de la parada: el primer cliente es el 5.
    const FIRST = 5;
    const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1019, 1020, 2000, 5000, 10_000];
    const START = 3;
    const [WIDTH, HEIGHT, LARGEST, SMALLEST] = [300, 120, 20, 5];
    // Dónde está la que habla: qué parte va delante.
    const TALKER = 0.59;

    // Un recuadro con una casilla por conexión: las vacías, las visitadas y las que no caben.
    function grid(name) {
        const paths = {};
        const patterns = ['fuera', 'vacia', 'vista'].map(kind => {
            const cell = shape('rect', {class: kind});
            const pattern = shape('pattern', {id: `${root.id}-${name}-${kind}`, patternUnits: 'userSpaceOnUse'}, cell);
            paths[kind] = shape('path', {fill: `url(#${pattern.id})`});
            return pattern;
        });
        const talker = shape('rect', {class: 'habla'});
        const svg = drawing(WIDTH, HEIGHT, shape('defs', {}, ...patterns), ...Object.values(paths), talker);
        const draw = (total, visited, outside) => {
            const columns = Math.ceil(WIDTH / Math.min(LARGEST, Math.sqrt(WIDTH * HEIGHT / total)));
            const side = WIDTH / columns;
            const cell = {width: side * 0.8, height: side * 0.8};
            patterns.forEach(pattern => {
                set(pattern, {width: side, height: side});
                set(pattern.firstChild, cell);
            });
            // Las primeras casillas: las filas enteras y lo que haya de la última.
            const first = many => {
                const rows = Math.floor(many / columns) * side;
                const rest = many % columns * side;
                return `M0 0h${WIDTH}v${rows}h${-WIDTH}zM0 ${rows}h${rest}v${side}h${-rest}z`;
            };
            set(paths.fuera, {d: first(total)});
            set(paths.vacia, {d: first(total - outside)});
            set(paths.vista, {d: first(visited)});
            // Se ve aunque las casillas sean mínimas.
            const talking = Math.floor((total - outside) * TALKER);
            const mark = Math.max(cell.width, SMALLEST);
            const middle = (mark - cell.width) / 2;
            const at = {x: talking % columns * side - middle, y: Math.floor(talking / columns) * side - middle};
            set(talker, {...at, width: mark, height: mark});
            set(svg, {'aria-label': `${name} mira ${visited || 1} de ${count(total, 'conexión', 'conexiones')}`});
        };
        return {svg, draw};
    }

    const grids = {select: grid('select'), epoll: grid('epoll')};
    const ROWS = [
        ['el programa las anota', 'noted'],
        ['el núcleo las mira', 'kernel'],
        ['el programa las mira', 'program'],
        ['bytes que van y vienen', 'bytes'],
        ['no caben', 'outside'],
    ];
    const heads = ['en cada vuelta', 'select', 'epoll'].map(text => element('th', {scope: 'col'}, text));
    const cells = ROWS.map(() => [element('td'), element('td')]);
    const figures = element('table', {}, element('thead', {}, element('tr', {}, ...heads)), element('tbody', {},
        ...ROWS.map(([text], row) => element('tr', {}, element('th', {scope: 'row'}, text), ...cells[row]))));
    const said = announcer();
    const panels = Object.entries(grids).map(([name, {svg}]) => element('div', {}, element('code', {}, name), svg));

    const [control, move] = slider(root, {
        name: 'Conexiones',
        max: STEPS.length - 1,
        start: START,
        tell: step => count(STEPS[step], 'conexión', 'conexiones'),
    }, step => {
        const total = STEPS[step];
        const [select, epoll] = [selectTurn(total, FIRST), epollTurn()];
        grids.select.draw(total, select.noted, select.outside);
        grids.epoll.draw(total, 0, 0);
        ROWS.forEach(([, key], row) => [select, epoll].forEach((turn, column) => {
            cells[row][column].textContent = figure(turn[key]);
        }));
        said.textContent = `Para oír a una, select hace ${count(select.visits, 'visita')} y copia `
            + `${count(select.bytes, 'byte')}; epoll, ${epoll.visits} y ${epoll.bytes}. ` + (select.outside
            ? `Y ${count(select.outside, 'conexión queda', 'conexiones quedan')} fuera: no cabe un descriptor mayor que 1023.` : '');
    });
    table.append(control, element('div', {class: 'lados'}, ...panels), figures, said);
    move();
});
