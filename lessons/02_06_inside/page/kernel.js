// El núcleo: quién escucha, quién duerme y dónde, y los dos depósitos de cada conexión.
'use strict';

const kernel = (() => {
    const {element, svg} = text;
    // Si son más, solo unas pocas: las que tienen que ver con el paso, las que tienen algo y las primeras.
    const MOST_CONNECTIONS = 16;
    const FEW_CONNECTIONS = 6;
    const MOST_THREADS = 6;
    // Un depósito se da por lleno con esto, si nunca hubo más.
    const FULL = 16_384;
    const TANK = {width: 26, height: 30};

    // Desde la última muestra pudieron llegar más bytes, y confirmarse otros: solo se sabe un límite.
    const bound = (held, amount, sign) => held.touched && amount ? `${sign} ` : '';

    function queue({queue: waiting, backlog}) {
        const places = Math.min(Math.max(backlog ?? 0, waiting ?? 0, 1), 8);
        return svg('svg', {class: 'cola', viewBox: `0 0 ${places * 13 + 2} 16`, width: places * 13 + 2, height: 16, 'aria-hidden': 'true'},
            ...[...Array(places).keys()].map(place => svg('rect',
                {x: place * 13 + 1.5, y: 2.5, width: 10, height: 11, rx: 2, class: place < waiting ? 'lleno' : 'hueco'})));
    }

    function listener(held) {
        const {fd, local, backlog, queue: waiting} = held;
        const words = waiting === null ? 'sin muestra aún'
            : `${held.touched ? '≥ ' : ''}${text.number(waiting)} sin aceptar${backlog === undefined ? '' : `; caben ${text.number(backlog)}`}`;
        return element('li', '', element('span', 'rotulo', `escucha · fd ${fd}`),
            local ? element('code', '', local) : null, element('span', 'cola-texto', queue(held), ` ${words}`));
    }

    function doing(thread, isCurrent) {
        if (!thread.alive) {
            return 'terminó';
        }
        const {asleep} = thread;
        if (asleep) {
            return `duerme en ${asleep.call}${asleep.fd === undefined ? '' : `(${asleep.fd})`}`;
        }
        return isCurrent ? 'trabaja: es quien llama' : 'trabaja';
    }

    function threads(now, current) {
        const all = [...now.threads.values()].filter(({alive, id}) => alive || id === current);
        const few = all.length <= MOST_THREADS ? all : all.filter(({id}) => id === current);
        const groups = new Map();
        all.filter(each => !few.includes(each)).forEach(each => {
            const what = each.asleep ? `duermen en ${each.asleep.call}` : 'trabajan';
            groups.set(what, (groups.get(what) ?? 0) + 1);
        });
        const chip = (what, isAsleep, isCurrent, label) => element('li',
            ['hilo', isAsleep && 'dormido', isCurrent && 'actual'].filter(Boolean).join(' '), element('span', 'rotulo', label), what);
        return element('ul', 'hilos', ...few.map(each => chip(` ${doing(each, each.id === current)}`, each.asleep, each.id === current,
            `hilo ${each.id}${each.name ? ` (${text.shorten(each.name, 20)})` : ''}`)),
        ...[...groups].map(([what, count]) => chip(` ${what}`, what.startsWith('duermen'), false, text.plural(count, 'hilo', 'hilos'))));
    }

    function tank(amount, most, kind) {
        const inside = TANK.height - 4;
        const level = amount ? Math.max(2, Math.min(1, amount / most) * inside) : 0;
        return svg('svg', {class: `deposito ${kind}`, viewBox: `0 0 ${TANK.width} ${TANK.height}`, width: TANK.width, height: TANK.height, 'aria-hidden': 'true'},
            svg('rect', {class: 'agua', x: 2, y: TANK.height - 2 - level, width: TANK.width - 4, height: level}),
            svg('path', {class: amount === null ? 'vaso hueco' : 'vaso',
                d: `M1.5 1V${TANK.height - 4.5}q0 3 3 3h${TANK.width - 9}q3 0 3-3V1`}));
    }

    function measure(amount, most, kind, label, sign) {
        return element('div', `medida${amount ? '' : ' sin-nada'}`, tank(amount, most, sign ? `${kind} quiza` : kind), element('span', '',
            element('b', '', amount === null ? '?' : `${sign}${text.number(amount)}`), element('small', '', label)));
    }

    const name = ({client, peer}) => client === undefined ? `con ${peer ?? 'el otro extremo'}` : `cliente ${client}`;

    function remarks(held, now) {
        const asleep = [...now.threads.values()].filter(each => each.asleep && each.asleep.fd === held.fd
            && (each.asleep.client ?? held.client) === held.client && held.holders.includes(each.process));
        return [
            held.finished && !held.closed ? 'no enviará más' : null,
            asleep.length ? `☾ hilo ${asleep.map(({id}) => id).join(', ')}` : null,
        ].filter(Boolean);
    }

    function connection(held, now, most, isCurrent) {
        const row = element('li', ['conexion', isCurrent && 'actual', held.closed && 'cerrada'].filter(Boolean).join(' '),
            element('p', '', element('span', 'rotulo', `${name(held)} · fd ${held.fd}`), element('span', 'estado', held.closed ? 'cerrada' : held.state),
                ...remarks(held, now).map(each => element('span', 'nota', each)),
                element('span', 'totales', `leídos ${text.number(held.received)} · escritos ${text.number(held.sent)}`)),
            element('div', 'medidas',
                measure(held.incoming, most, 'entra', 'por leer', bound(held, held.incoming, '≥')),
                measure(held.sampled === null ? null : held.outgoing, most, 'sale', 'sin confirmar', bound(held, held.outgoing, '≤')),
                held.beyond === null ? null : measure(held.beyond, most, 'alla', 'sin leer allí', bound(held, held.beyond, '≈'))));
        return row;
    }

    const waiting = ({incoming, outgoing, beyond}) => (incoming ?? 0) + (outgoing ?? 0) + (beyond ?? 0) > 0;

    function connections(now, fullest, current) {
        const all = [...now.connections.values()].sort((one, other) => (one.client ?? Infinity) - (other.client ?? Infinity) || one.fd - other.fd);
        const urgent = all.filter(each => each.key === current || waiting(each)).sort((one, other) => (other.key === current) - (one.key === current));
        const most = all.length <= MOST_CONNECTIONS ? MOST_CONNECTIONS : FEW_CONNECTIONS;
        const chosen = new Set([...new Set([...urgent, ...all])].slice(0, most));
        const shown = all.filter(each => chosen.has(each));
        const hidden = all.filter(each => !shown.includes(each));
        const full = hidden.filter(waiting).length;
        return [
            element('ul', 'conexiones', ...shown.map(each => connection(each, now, fullest, each.key === current))),
            hidden.length === 0 ? null : element('p', 'resto', `y ${text.plural(hidden.length, 'conexión', 'conexiones')} más, `
                + (full === 0 ? 'con los depósitos vacíos' : `${text.number(full)} de ellas con algo en sus depósitos`)),
        ];
    }

    function age(now, step) {
        if (now.sampled === null) {
            return 'sin muestras';
        }
        const late = step.us - now.sampled;
        return late === 0 ? 'muestra de este momento' : late > 0 ? `muestra de ${text.duration(late)} antes`
            : `muestra de ${text.duration(-late)} después`;
    }

    // Quién está detrás de un descriptor, en corto y en largo.
    function naming(now, step) {
        const known = new Map([...now.connections.values()].map(held => [held.fd, held]));
        return fd => {
            const held = known.get(fd);
            const mine = step.record.fd === fd || step.record.target?.fd === fd;
            const label = now.listeners.has(fd) ? 'escucha' : held ? name(held) : fd < 3 ? ['entrada', 'salida', 'errores'][fd] : '';
            return {mine, long: label, short: now.listeners.has(fd) ? 'esc.' : held ? held.client ?? '' : ''};
        };
    }

    function panel(root) {
        const body = root.querySelector('.nucleo-dentro');
        const when = root.querySelector('.edad');

        function show(recording, place, now) {
            const step = recording.steps[place];
            if (!step) {
                when.textContent = '';
                body.replaceChildren();
                return;
            }
            const most = Math.max(FULL, recording.most);
            when.textContent = age(now, step);
            const listeners = [...now.listeners.values()];
            body.replaceChildren(...[
                listeners.length > 0 ? element('ul', 'escuchas', ...listeners.slice(0, 4).map(listener)) : null,
                threads(now, step.thread),
                ...waits(now, step.thread, naming(now, step)),
                ...connections(now, most, step.held),
                listeners.length + now.connections.size === 0 ? element('p', 'nada', 'Nadie escucha.') : null,
            ].filter(Boolean));
        }

        // Desde arriba, si así se ve la conexión del paso; si no, hasta ella.
        function aim() {
            const row = body.querySelector('.conexion.actual');
            const bottom = row ? row.offsetTop + row.offsetHeight + 8 : 0;
            body.scrollTop = bottom - body.clientHeight;
        }

        return {show, aim};
    }

    return panel;
})();
