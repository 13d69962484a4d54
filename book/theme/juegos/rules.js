// Las reglas del núcleo con las que se juega en el libro. `browser/reglas.test.mjs` las compara con lo
// que observa `ejemplos/reglas` en el de verdad.
'use strict';

globalThis.kernelRules = (() => {
    // Los descriptores que caben en un conjunto.
    const SET_SIZE = 1024;
    // Un conjunto viaja por palabras de 64 bits; un aviso de epoll ocupa 12 bytes, en x86-64.
    const WORD = 64;
    const EVENT_BYTES = 12;

    function fits(descriptor) {
        return descriptor < SET_SIZE;
    }

    // Hasta qué descriptor llega lo que se copia, si `limit` es uno más que el mayor.
    function copied(limit) {
        return Math.ceil(limit / WORD) * WORD;
    }

    // Lo que queda en un conjunto: de lo que el núcleo mira, los listos; lo que no copia no cambia.
    function afterSelect(noted, limit, ready) {
        return noted.filter(descriptor =>
            descriptor < limit ? ready.includes(descriptor) : descriptor >= copied(limit));
    }

    // Una vuelta con `count` conexiones, desde el descriptor `first`, en la que habla una: cuántas se
    // anotan, cuántas mira cada uno, los bytes que cruzan y las que no caben.
    function turn(noted, kernel, program, bytes, outside) {
        return {noted, kernel, program, bytes, outside, visits: noted + kernel + program};
    }

    function selectTurn(count, first) {
        const noted = Math.min(count, SET_SIZE - first);
        return turn(noted, noted, noted, 2 * copied(first + noted) / 8, count - noted);
    }

    function epollTurn() {
        return turn(0, 1, 1, EVENT_BYTES, 0);
    }

    // Lo que acepta un `write` no bloqueante; cero es EAGAIN.
    function accepts(asked, free) {
        return Math.min(asked, free);
    }

    // Si el núcleo avisa: hay libre al menos la mitad de lo ocupado, que es un tercio del total.
    function isWritable({used, size}) {
        return size - used >= used / 2;
    }

    // Cómo está todo cuando el lector ha leído `read`, y las llamadas del escritor hasta entonces.
    function tanks({sending, receiving, message}, read) {
        const state = {calls: [], left: message, sent: 0, received: 0, waiting: false};
        const flow = () => {
            const moved = Math.min(state.sent, receiving - state.received);
            state.sent -= moved;
            state.received += moved;
        };
        // Ofrece lo que queda hasta que no quede nada, o no quepa nada.
        const write = at => {
            for (let accepted = 1; state.left > 0 && accepted > 0;) {
                const asked = state.left;
                accepted = accepts(asked, sending - state.sent);
                state.calls.push({at, asked, accepted});
                state.left -= accepted;
                state.sent += accepted;
                flow();
            }
            state.waiting = state.left > 0;
        };
        write(0);
        for (let at = 1; at <= read; at += 1) {
            state.received -= 1;
            flow();
            if (state.waiting && isWritable({used: state.sent, size: sending})) {
                state.calls.push({at, notice: true});
                write(at);
            }
        }
        return state;
    }

    const HEADER = 4;
    const MAX_TEXT = 65_536;

    // Los bytes de un marco.
    function encode(text) {
        const bytes = [...new TextEncoder().encode(text)];
        return [...[24, 16, 8, 0].map(shift => bytes.length >>> shift & 0xFF), ...bytes];
    }

    // El primer marco: `{text, used}`. Si no está entero, lo que falta, y si es de la longitud; si no
    // es un marco, `{error}`.
    function decode(bytes) {
        if (bytes.length < HEADER) {
            return {lacks: HEADER - bytes.length, ofLength: true};
        }
        const length = bytes.slice(0, HEADER).reduce((sum, byte) => sum * 256 + byte, 0);
        if (length > MAX_TEXT) {
            return {error: 'longitud'};
        }
        const used = HEADER + length;
        if (bytes.length < used) {
            return {lacks: used - bytes.length, ofLength: false, length};
        }
        try {
            const text = new TextDecoder('utf-8', {fatal: true, ignoreBOM: true});
            return {text: text.decode(new Uint8Array(bytes.slice(HEADER, used))), used};
        } catch {
            return {error: 'texto'};
        }
    }

    // Cada lectura, si acaban en `ends`.
    function readings(stream, ends) {
        let kept = [];
        return ends.map((end, place) => {
            const got = stream.slice(ends[place - 1] ?? 0, end);
            kept = [...kept, ...got];
            const texts = [];
            let found = decode(kept);
            for (; found.text !== undefined; found = decode(kept)) {
                texts.push(found.text);
                kept = kept.slice(found.used);
            }
            return {got, texts, kept, found};
        });
    }

    // Cada vuelta, si antes llegan `arrivals` y en cada aviso se leen hasta `read`. Por nivel se avisa de
    // lo que hay; por flanco, de lo que ha llegado desde el último aviso.
    function notices(edge, arrivals, read) {
        let unread = 0;
        let isNew = false;
        return arrivals.map(arrived => {
            unread += arrived;
            isNew ||= arrived > 0;
            const before = unread;
            const told = edge ? isNew : unread > 0;
            isNew &&= !told;
            const got = told ? Math.min(read, unread) : 0;
            unread -= got;
            return {arrived, before, told, got, left: unread};
        });
    }

    return {
        SET_SIZE, EVENT_BYTES, HEADER, fits, copied, afterSelect, selectTurn, epollTurn,
        accepts, isWritable, tanks, encode, decode, readings, notices,
    };
})();
