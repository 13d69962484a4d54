// La conversación: un paso por fila, de arriba abajo. Solo existe lo que se ve, así que da igual cuántos haya.
'use strict';

const conversation = (() => {
    const {element, svg} = text;
    const {ROW} = lanes;
    // Lo que se prepara por encima y por debajo, para que no asome el hueco al desplazar.
    const SPARE = 3;
    const LONGEST = 90;
    const MANY = 8;
    // Lo que ocupan los carriles, como mucho, del ancho.
    const SHARE = 0.58;

    // Si no caben todos los carriles, también con palabras.
    function whose(recording, {thread, held}) {
        const lane = recording.lanes.get(held);
        return [recording.threads.length > MANY && `hilo ${thread}`, lane?.client !== undefined && recording.slots.length > MANY && `cliente ${lane.client}`]
            .filter(Boolean).map(each => `${each} · `).join('');
    }

    function describe(recording, {kind, record, place}) {
        if (kind === 'asleep') {
            return `duerme en ${record.call}`;
        }
        return text.shorten(kind === 'call' ? calls.brief(record) : recording.say(recording.steps[place])[0], LONGEST);
    }

    // La hora, solo si ya no es la de la fila de encima.
    function hour(recording, place) {
        const now = text.instant(recording.steps[place].us);
        return place > 0 && text.instant(recording.steps[place - 1].us) === now ? '' : now.replace(/ s$/, '');
    }

    function row(recording, place) {
        const step = recording.steps[place];
        const words = element('span', 'letras', element('bdi', '', whose(recording, step) + describe(recording, step)));
        const made = element('a', ['fila', step.kind === 'asleep' && 'dormida', step.omitted > 0 && 'falta',
            step.kind === 'call' && calls.fails(step.record) && 'falla'].filter(Boolean).join(' '),
            element('span', 'hora', hour(recording, place)), words);
        made.href = `#paso=${place + 1}`;
        made.tabIndex = -1;
        made.style.top = `${place * ROW}px`;
        if (step.omitted > 0) {
            made.title = `Faltan ${text.number(step.omitted)} llamadas que no se guardaron`;
        }
        return made;
    }

    // Los rótulos que no se pisan: primero, los de quienes hablan en este paso.
    function legible(labels) {
        const half = ({what}) => String(what).length * 3.5 + 2;
        const kept = [];
        for (const each of [...labels].sort((one, other) => other.isCurrent - one.isCurrent)) {
            if (kept.every(other => Math.abs(other.x - each.x) >= half(other) + half(each))) {
                kept.push(each);
            }
        }
        return kept;
    }

    // Los rótulos de los carriles; de los clientes, quien ocupa ahora cada uno.
    function heading(recording, placing, place, hourWidth) {
        const step = recording.steps[place];
        const threads = placing.threads.map(({id}) => ({x: placing.threadX(id), what: id, isCurrent: id === step?.thread}));
        const clients = recording.slots.slice(placing.slots.start, placing.slots.end).flatMap((list, offset) => {
            const lane = list.findLast(({from}) => from <= place);
            return lane && (lane.to === null || lane.to >= place)
                ? [{x: placing.slotX(placing.slots.start + offset), what: lane.client ?? `fd${lane.fd}`, isCurrent: lane.key === step?.held}] : [];
        });
        const hidden = recording.slots.length - (placing.slots.end - placing.slots.start);
        const title = (x, what) => svg('text', {x, y: 13, class: 'grupo'}, what);
        const narrow = placing.slotX(placing.slots.start) - placing.threadX(recording.threads[0]?.id) < 44;
        const drawn = svg('svg', {class: 'rotulos', width: placing.width + 150, height: 36, 'aria-hidden': 'true'},
            title(8, narrow ? 'hilo' : 'hilos'),
            recording.slots.length > 0 ? title(Math.max(placing.slotX(placing.slots.start) - 8, narrow ? 36 : 0), hidden > 0
                ? `clientes (${placing.slots.start + 1} a ${placing.slots.end} de ${recording.slots.length} calles)` : 'clientes') : null,
            ...legible([...threads, ...clients]).map(({x, what, isCurrent}) => svg('text', {x, y: 30, class: isCurrent ? 'actual' : ''}, what)));
        drawn.style.marginInlineStart = `${hourWidth}px`;
        return drawn;
    }

    function panel(root) {
        const head = root.querySelector('.charla-cabeza');
        const body = root.querySelector('.charla-dentro');
        const hourWidth = 62;
        let recording = null;
        let place = 0;
        let rows = new Map();
        let drawn = '';
        let picture = svg('svg', {});

        const space = element('div', 'alto');
        // Lo que mide la parte que se ve, sin preguntarlo a cada paso.
        let [seenWidth, seenHeight] = [body.clientWidth, body.clientHeight];
        space.append(picture);
        body.append(space);

        const width = () => Math.max(120, (seenWidth - hourWidth) * SHARE);
        // Con el paso en el centro, si se puede.
        const centred = () => Math.max(0, Math.min(recording.length * ROW - seenHeight, (place + 0.5) * ROW - seenHeight / 2));

        // Las filas que se ven desde `top`, y sus carriles.
        function paint(top) {
            const first = Math.max(0, Math.floor(top / ROW) - SPARE);
            const last = Math.min(recording.length - 1, Math.ceil((top + seenHeight) / ROW) + SPARE);
            const key = `${first} ${last} ${place}`;
            if (key === drawn) {
                return;
            }
            drawn = key;
            const placing = lanes.layout(recording, place, width());
            arrange(first, last);
            const carriles = lanes.draw(recording, placing, first, last);
            carriles.style.top = `${first * ROW}px`;
            carriles.style.left = `${hourWidth}px`;
            picture.replaceWith(carriles);
            picture = carriles;
            space.style.setProperty('--carriles', `${placing.width}px`);
            head.replaceChildren(heading(recording, placing, place, hourWidth));
        }

        // Las filas que siguen viéndose no se tocan.
        function arrange(first, last) {
            for (const [each, made] of rows) {
                if (each < first || each > last) {
                    made.remove();
                    rows.delete(each);
                }
            }
            for (let each = first; each <= last; each += 1) {
                if (!rows.has(each)) {
                    rows.set(each, row(recording, each));
                    space.insertBefore(rows.get(each), rows.get(each + 1) ?? null);
                }
                rows.get(each).classList.toggle('actual', each === place);
            }
        }

        // Cambió lo que hay, o lo que cabe.
        function refresh() {
            rows.forEach(made => made.remove());
            rows = new Map();
            drawn = '';
        }

        function show(given, current) {
            recording = given;
            place = current;
            if (recording.length === 0) {
                head.replaceChildren();
                return;
            }
            space.style.height = `${recording.length * ROW}px`;
            paint(centred());
        }

        function aim() {
            if (recording?.length) {
                body.scrollTop = centred();
            }
        }

        function resized() {
            [seenWidth, seenHeight] = [body.clientWidth, body.clientHeight];
            refresh();
            if (recording) {
                show(recording, place);
                aim();
            }
        }

        body.addEventListener('scroll', () => recording?.length && paint(body.scrollTop));
        new ResizeObserver(resized).observe(body);
        return {show, aim, refresh};
    }

    return panel;
})();
