// Cómo se escribe lo que se muestra: números, tiempos, bytes, y los elementos que lo llevan.
'use strict';

const text = (() => {
    const SVG = 'http://www.w3.org/2000/svg';
    // Lo que no se ve, o da la vuelta a lo que se ve.
    const INVISIBLE = /[\0-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;
    const NAMED = {'\0': '\\0', '\t': '\\t', '\n': '\\n', '\r': '\\r', '"': '\\"', '\\': '\\\\'};
    const DURATION = new Intl.NumberFormat('es', {maximumSignificantDigits: 3});
    const INSTANT = new Intl.NumberFormat('es', {minimumFractionDigits: 3, maximumFractionDigits: 3});

    // Como en el libro: 1024, pero 16 384.
    const number = value => String(value).replace(/\d+/, digits =>
        digits.length < 5 ? digits : digits.replace(/\B(?=(?:\d{3})+$)/g, '\u202f'));
    const plural = (count, one, many) => `${number(count)} ${count === 1 ? one : many}`;
    const instant = us => `${INSTANT.format(us / 1e6)} s`;

    function duration(us) {
        const [unit, size] = us >= 1e6 ? ['s', 1e6] : us >= 1e3 ? ['ms', 1e3] : ['µs', 1];
        return `${DURATION.format(us / size)} ${unit}`;
    }

    const hex = (value, digits) => value.toString(16).padStart(digits, '0');
    const visible = string => string.replace(INVISIBLE, letter => `\\u{${hex(letter.codePointAt(0), 1)}}`);

    // El carácter de UTF-8 que empieza en `at`, si lo es.
    function character(bytes, at) {
        const size = [[0x80, 1], [0xC2, 0], [0xE0, 2], [0xF0, 3], [0xF5, 4]].find(([limit]) => bytes[at] < limit)?.[1] ?? 0;
        try {
            return size && decodeURIComponent(bytes.slice(at, at + size).map(byte => `%${hex(byte, 2)}`).join(''));
        } catch {
            return '';
        }
    }

    // Los primeros bytes, como texto entre comillas: lo que no es texto, con su número.
    function bytes(digits, most) {
        const all = (digits.slice(0, most * 2).match(/[0-9a-f]{2}/gi) ?? []).map(pair => parseInt(pair, 16));
        let shown = '';
        for (let at = 0; at < all.length;) {
            const letter = character(all, at);
            const size = letter ? new TextEncoder().encode(letter).length : 1;
            shown += letter && letter >= ' ' && letter !== '\x7f' || NAMED[letter] ? NAMED[letter] ?? letter : `\\x${hex(all[at], 2)}`;
            at += size;
        }
        return `"${visible(shown)}"${digits.length > most * 2 ? '…' : ''}`;
    }

    const shorten = (string, most) => string.length > most ? `${string.slice(0, most - 1)}…` : string;

    // Todo lo que se muestra pasa por aquí: es texto, nunca HTML, y lo invisible se ve.
    function fill(made, children) {
        made.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false && child !== '')
            .map(child => child instanceof Node ? child : visible(String(child))));
        return made;
    }

    function element(tag, className, ...children) {
        const made = document.createElement(tag);
        if (className) {
            made.className = className;
        }
        return fill(made, children);
    }

    function svg(tag, attributes, ...children) {
        const made = document.createElementNS(SVG, tag);
        Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
        return fill(made, children);
    }

    return {number, plural, instant, duration, visible, bytes, shorten, element, svg};
})();
