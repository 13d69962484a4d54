// Los carriles de la conversación: uno por hilo y uno por cliente, y lo que se ve de ellos entre dos pasos.
'use strict';

const lanes = (() => {
    const {svg} = text;
    const ROW = 26;
    const MOST_THREADS = 5;
    const PITCH = {most: 34, least: 12};
    const EDGE = 16;

    // El primero de la lista que aún puede verse desde `place`.
    function since(list, place) {
        let [low, high] = [0, list.length];
        while (low < high) {
            const middle = (low + high) >> 1;
            [low, high] = list[middle].from < place ? [middle + 1, high] : [low, middle];
        }
        return Math.max(0, low - 1);
    }

    // Los que se ven de una lista ordenada, entre dos pasos.
    function within(list, first, last) {
        const found = [];
        for (let at = since(list, first); at < list.length && list[at].from <= last; at += 1) {
            if (list[at].to === null || list[at].to >= first) {
                found.push(list[at]);
            }
        }
        return found;
    }

    // De cuántos caben, la página en la que está el que importa.
    function page(count, room, wanted) {
        const start = count <= room ? 0 : Math.floor(Math.max(0, wanted) / room) * room;
        return {start, end: Math.min(count, start + room)};
    }

    // Los hilos que caben: el que empezó, y la página de los demás en la que está el que llama.
    function threadsShown({threads, steps}, place) {
        const other = threads.length > MOST_THREADS
            ? steps.slice(0, place + 1).findLast(({thread}) => thread !== threads[0].id)?.thread : undefined;
        const {start, end} = page(threads.length - 1, MOST_THREADS - 1, threads.findIndex(({id}) => id === other) - 1);
        return threads.slice(0, 1).concat(threads.slice(1 + start, 1 + end));
    }

    // Dónde va cada carril, según el ancho y el paso.
    function layout(recording, place, width) {
        const threads = threadsShown(recording, place);
        const shown = threads.length;
        const room = Math.max(2, Math.floor((width - 2 * EDGE) / PITCH.least) - shown - 1);
        const slots = page(recording.slots.length, room, recording.lanes.get(recording.steps[place].held)?.slot ?? 0);
        const total = shown + slots.end - slots.start + 0.6;
        const pitch = Math.max(PITCH.least, Math.min(PITCH.most, (width - 2 * EDGE) / total));
        const places = new Map(threads.map(({id}, place) => [id, EDGE + place * pitch]));
        const threadX = id => places.get(id);
        const slotX = slot => EDGE + (shown + 0.6 + slot - slots.start) * pitch;
        return {threads, slots, pitch, threadX, slotX, width: EDGE * 2 + Math.max(0, total - 1) * pitch};
    }

    const isIn = ({start, end}, place) => place >= start && place < end;

    // Lo que hay entre dos pasos, en un dibujo.
    function draw(recording, placing, first, last) {
        const y = place => (place - first + 0.5) * ROW;
        const bottom = (last - first + 1) * ROW;
        const end = to => to === null || to > last ? bottom : y(to);
        const start = from => from < first ? 0 : y(from);
        const parts = [];
        placing.threads.forEach(lane => {
            const x = placing.threadX(lane.id);
            within([lane], first, last).forEach(({from, to}) =>
                parts.push(svg('path', {class: 'vida-hilo', d: `M${x} ${start(from)}V${end(to)}`})));
            within(lane.sleeps, first, last).forEach(({from, to}) =>
                parts.push(svg('path', {class: 'sueno', d: `M${x} ${start(from)}V${end(to)}`})));
        });
        recording.slots.slice(placing.slots.start, placing.slots.end).forEach((list, offset) => {
            const x = placing.slotX(placing.slots.start + offset);
            within(list, first, last).forEach(({from, to}) =>
                parts.push(svg('path', {class: 'vida', d: `M${x} ${start(from)}V${end(to)}`})));
        });
        for (let place = first; place <= last; place += 1) {
            parts.push(...marks(recording, placing, recording.steps[place], y(place)));
        }
        return svg('svg', {class: 'carriles', width: placing.width, height: bottom, 'aria-hidden': 'true'}, ...parts);
    }

    const dot = (x, y, kind) => svg('circle', {class: `punto ${kind}`, cx: x, cy: y, r: 4});
    const cross = (x, y) => svg('path', {class: 'cruz', d: `M${x - 5} ${y - 5}l10 10m0-10l-10 10`});

    function arrow(from, to, y, kind) {
        const back = to > from ? -6 : 6;
        return svg('path', {class: `flecha ${kind}`, d: `M${from} ${y}H${to}m${back} -4l${-back} 4l${back} 4`});
    }

    function marks(recording, placing, step, y) {
        const lane = recording.lanes.get(step.held);
        const server = placing.threadX(step.thread) ?? 5;
        const client = lane && (isIn(placing.slots, lane.slot) ? placing.slotX(lane.slot) : placing.width - 6);
        const ready = step.ready.filter(({key}) => isIn(placing.slots, recording.lanes.get(key)?.slot))
            .map(({key, reads}) => svg('circle', {class: `legible ${reads ? 'leer' : 'escribir'}`,
                cx: placing.slotX(recording.lanes.get(key).slot), cy: y, r: 5}));
        return [...mark(step, server, client, y), ...lane?.to === step.place ? [cross(client, y)] : [], ...ready];
    }

    function mark({kind, record}, server, client, y) {
        const trouble = kind === 'call' && calls.fails(record);
        if (kind === 'asleep') {
            return [dot(server, y, 'dormido')];
        }
        if (kind !== 'call' || client === undefined) {
            return [dot(server, y, trouble ? 'falla' : '')];
        }
        const link = {
            read: () => arrow(client, server, y, record.error || record.result === 0 ? 'vacia' : 'entra'),
            write: () => arrow(server, client, y, calls.partial(record) ? 'medias' : 'sale'),
            accept: () => arrow(client, server, y, 'llega'),
        }[calls.family(record)];
        return [...link ? [link()] : [], dot(server, y, trouble ? 'falla' : '')];
    }

    return {ROW, layout, draw};
})();
