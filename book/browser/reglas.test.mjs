// Las reglas de los juegos del libro, frente a lo que hace el núcleo de verdad.
//
// `ejemplos/reglas` observa con sockets; aquí, lo mismo pasa por `theme/juegos/rules.js`. No hace falta
// un navegador: `node --test reglas.test.mjs` basta.

import {before, describe, test} from 'node:test';
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import '../theme/juegos/rules.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const rules = globalThis.kernelRules;

describe('las reglas de los juegos y el núcleo', {timeout: 600_000}, () => {
    let observed;

    before(() => {
        const order = ['run', '--quiet', '--package', 'ejemplos', '--bin', 'reglas'];
        observed = JSON.parse(execFileSync('cargo', order, {cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit']}));
    });

    test('lo que ocupan un conjunto y un aviso, y cuántos descriptores caben', () => {
        const {set_size, set_bytes, event_bytes} = observed.turns;
        assert.equal(rules.SET_SIZE, set_size);
        assert.equal(rules.copied(rules.SET_SIZE) / 8, set_bytes);
        // Empaquetado en x86-64; en las demás, 16.
        assert.ok([rules.EVENT_BYTES, 16].includes(event_bytes), `un aviso ocupa ${event_bytes}`);
    });

    test('select deja en el conjunto solo a los listos, y epoll dice solo quiénes son', () => {
        let outside = 0;
        for (const {watched, talking, noted, left, select_returned, told, told_again} of observed.turns.turns) {
            assert.deepEqual(noted, watched.filter(rules.fits));
            outside += watched.length - noted.length;
            const limit = Math.max(...noted) + 1;
            assert.deepEqual(left, rules.afterSelect(noted, limit, talking));
            assert.equal(select_returned, left.length);
            // Uno por cada uno que habló, quepa o no en un conjunto; y no hay que registrarlos otra vez.
            assert.deepEqual(told, talking);
            assert.deepEqual(told_again.sort(), [...talking].sort());
            assert.equal(told.length, rules.epollTurn().kernel * talking.length);
        }
        assert.ok(outside > 0, 'ningún descriptor quedó fuera');
    });

    test('un conjunto usado ya no pregunta por los demás; la lista de interés, sí', () => {
        for (const {watched, left_if_reused, told_when_all_talk} of observed.turns.turns) {
            // Nadie había vuelto a hablar en el conjunto que se reutiliza: solo los que quedaron en él.
            const {talking} = observed.turns.turns.find(turn => turn.watched === watched);
            assert.deepEqual(left_if_reused, talking.filter(rules.fits));
            assert.equal(told_when_all_talk, watched.length);
        }
    });

    test('del conjunto se copian palabras enteras, hasta el mayor descriptor', () => {
        const copies = observed.turns.copies.map(({noted, limit, left}) => {
            assert.deepEqual(left, rules.afterSelect(noted, limit, []), `hasta el ${limit}`);
            return noted.length - left.length;
        });
        assert.ok(new Set(copies).size > 3, `${copies}`);
    });

    test('lo que se cuenta en una vuelta sale de esas reglas', () => {
        for (const {watched, noted} of observed.turns.turns) {
            const turn = rules.selectTurn(watched.length, rules.SET_SIZE - noted.length);
            assert.equal(turn.noted, noted.length);
            assert.equal(turn.outside, watched.length - noted.length);
            assert.equal(turn.bytes, 2 * rules.copied(rules.SET_SIZE) / 8, 'va y vuelve');
        }
    });

    // Cerca del tercio decide lo que ocupa cada byte en el núcleo, que es algo más de uno.
    const NEAR = 0.05;

    test('se avisa de que se puede escribir con un tercio libre, y no antes', () => {
        const {full, story, without_notice: without} = observed.tanks;
        const size = full.sending;
        const free = ({sending}) => (size - sending) / size;
        const seen = story.filter(({what}) => what === 'read');
        const clear = seen.filter(({levels}) => Math.abs(free(levels) - 1 / 3) > NEAR);
        for (const {levels, writable} of clear) {
            assert.equal(writable, rules.isWritable({used: levels.sending, size}), `${Math.round(100 * free(levels))} % libre`);
        }
        assert.ok(clear.some(({writable}) => writable));
        assert.ok(clear.some(({levels, writable}) => !writable && free(levels) > 0.2), 'con sitio, pero poco');
        // Sin aviso puede caber algo.
        assert.equal(without.writable, false);
        assert.ok(without.accepted > 0);
    });

    // Las escrituras, por clases: las seguidas de la misma, una vez.
    function kinds(calls) {
        const each = calls.map(({asked, accepted}) => !accepted ? 'nada' : accepted < asked ? 'parte' : 'todo');
        return each.filter((kind, place) => kind !== each[place - 1]).join(' ');
    }

    test('write acepta una parte, después nada, y tras el aviso otra vez', () => {
        const {full, message, story} = observed.tanks;
        const shape = /^(?:parte nada )+todo$/;
        assert.match(kinds(story.filter(({what}) => what === 'write')), shape);
        const limits = {sending: full.sending, receiving: full.received, message};
        const {calls, left} = rules.tanks(limits, message - full.sending);
        assert.equal(left, 0);
        assert.match(kinds(calls.filter(({notice}) => !notice)), shape);
        // Lo primero que se acepta es lo que cabe en los dos depósitos; lo de cada aviso, un tercio o más.
        const rounds = [[]];
        for (const event of story) {
            if (event.what === 'write') {
                rounds.at(-1).push(event.accepted ?? 0);
            } else if (rounds.at(-1).length) {
                rounds.push([]);
            }
        }
        const sums = rounds.filter(({length}) => length).map(round => round.reduce((sum, more) => sum + more, 0));
        const first = calls.slice(0, calls.findIndex(({notice}) => notice));
        assert.equal(sums[0], first.reduce((sum, {accepted}) => sum + accepted, 0));
        assert.equal(sums.reduce((sum, more) => sum + more), message);
        for (const sum of sums.slice(1, -1)) {
            assert.ok(sum > (1 / 3 - NEAR) * full.sending, `tras un aviso se aceptaron ${sum} de ${full.sending}`);
        }
        const notices = calls.map(({notice}, place) => notice && calls[place + 1].accepted).filter(Boolean);
        assert.ok(notices.slice(0, -1).every(accepted => accepted >= limits.sending / 3));
    });

    test('en cada corte, el descodificador da los mismos mensajes, guarda y espera lo mismo', () => {
        const {stream, readings} = observed.cuts;
        assert.deepEqual(['hola', 'sí', 'adiós'].flatMap(rules.encode), stream);
        assert.ok(readings.length > 40);
        for (const real of readings) {
            let end = 0;
            const ends = real.map(({got}) => end += got);
            const ours = rules.readings(stream, ends).map(({got, texts, kept, found}) => ({
                got: got.length,
                texts,
                kept: kept.length,
                lacks_of_length: kept.length && found.ofLength ? found.lacks : 0,
                lacks_of_text: found.ofLength ? 0 : found.lacks,
            }));
            assert.deepEqual(ours, real, `cortes: ${ends}`);
        }
    });

    test('de lo que no es un marco, o aún no, dice lo mismo', () => {
        for (const {bytes, said} of observed.cuts.odd) {
            const {text, error} = rules.decode(bytes);
            assert.equal(text !== undefined ? 'message' : error ? 'error' : 'wait', said, `${bytes}`);
        }
    });

    test('por nivel y por flanco, cada vuelta avisa o calla como el núcleo', () => {
        for (const {edge, arrivals, read, turns} of observed.notices) {
            const ours = rules.notices(edge, arrivals, read).map(({told, got, left}) => ({told, got, left}));
            assert.deepEqual(ours, turns, `${edge ? 'por flanco' : 'por nivel'}, de ${read} en ${read}`);
        }
    });
});
