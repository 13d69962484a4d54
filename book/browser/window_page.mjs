// La página de la ventana, rellena en memoria: lo mismo que `cargo ver`, sin esperar a ninguna grabación.

import {readFileSync} from 'node:fs';
import {gzipSync} from 'node:zlib';

const PAGE = new URL('../../lessons/02_06_inside/page/', import.meta.url);
const read = name => readFileSync(new URL(name, PAGE), 'utf8');

// En el orden en que los junta `page.rs`.
const SCRIPTS = [...read('../page.rs').matchAll(/include_str!\("page\/(\w+\.js)"\)/g)].map(([, name]) => name);
export const script = () => SCRIPTS.map(read).join('\n');
export const style = () => read('style.css');

// Comprimida, como en un archivo; si `events`, en vivo.
export function html(records, {events = '', steps = ''} = {}) {
    const json = JSON.stringify(records);
    const values = {title: 'La ventana', style: style(), script: script(), steps, events,
        form: events ? '' : 'gzip', records: events ? json.replaceAll('<', '\\u003c') : gzipSync(json).toString('base64')};
    return read('page.html').replace(/\{\{(\w+)\}\}/g, (_, name) => values[name]);
}
