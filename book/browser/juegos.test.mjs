// Los cuatro juegos del libro, en un navegador: con el ratón y con el teclado, y lo que queda sin ellos.

import {after, before, describe} from 'node:test';
import assert from 'node:assert/strict';
import {readFileSync, readdirSync} from 'node:fs';
import {launch, missing, serve, test} from './browser.mjs';
import {NARROW, WIDE, faults, open as openIn, sideways} from './page.mjs';
import '../theme/juegos/rules.js';

const rules = globalThis.kernelRules;
const FOLDER = new URL('../theme/juegos/', import.meta.url);
// Los juegos de cada página.
const GAMES = {
    '02_03.html': ['juego-cortes', 'juego-depositos'],
    '02_04.html': ['juego-vuelta', 'juego-flanco'],
};
const PLACES = Object.entries(GAMES).flatMap(([page, games]) => games.map(game => [page, game]));
// En bytes, sin comprimir.
const WEIGHT = 25 * 1024;

const lack = missing();
if (lack && process.env.CI) {
    throw new Error(`sin probar los juegos en el navegador: ${lack}`);
}

test('los guiones de los juegos son ligeros', () => {
    const scripts = readdirSync(FOLDER).filter(name => name.endsWith('.js'));
    const weight = scripts.reduce((sum, name) => sum + readFileSync(new URL(name, FOLDER)).length, 0);
    assert.ok(weight < WEIGHT, `pesan ${weight} bytes`);
});

describe('los juegos en el navegador', {skip: lack && `AVISO: sin probar: ${lack}`}, () => {
    let browser;
    let site;

    before(async () => {
        [browser, site] = await Promise.all([launch(), serve()]);
    });

    after(async () => {
        await browser?.close();
        site?.stop();
    });

    async function open(page, options) {
        const opened = await openIn(browser, site, `${site.url}${page}`, options);
        return {...opened, game: name => opened.page.locator(`#${name}`)};
    }

    // Lo que se oye al mover algo.
    async function heard(game) {
        return (await game.locator('.cuenta[role=status]').textContent()).replaceAll('\u202f', ' ');
    }

    // Las filas de la tabla del capítulo, sin los espacios de los números.
    function written(game) {
        return game.locator('> .table-wrapper tbody tr').evaluateAll(rows => rows.map(row =>
            [...row.cells].map(cell => cell.textContent.replace(/(?<=\d)\s(?=\d{3})/g, '').trim())));
    }

    // De un tema a otro solo cambian los colores.
    for (const [scheme, checked] of [['light', {}], ['dark', {runOnly: ['color-contrast']}]]) {
        for (const width of [WIDE, NARROW]) {
            test(`se ven, caben y se entienden, con el tema ${scheme} y ${width.width} píxeles`, async () => {
                for (const [address, games] of Object.entries(GAMES)) {
                    const {page, game, troubles, close} = await open(address, {scheme, width});
                    for (const name of games) {
                        assert.ok(await game(name).locator('.tablero').isVisible(), name);
                        assert.equal(await game(name).locator('> .table-wrapper').isVisible(), false, name);
                        assert.deepEqual(await faults(page, checked, `#${name}`), []);
                        const cut = await game(name).evaluate(game => [...game.querySelectorAll('.tablero, .tablero *')]
                            .filter(part => part.getBoundingClientRect().right > game.getBoundingClientRect().right + 1).length);
                        assert.equal(cut, 0, `${name}: algo se sale`);
                    }
                    assert.deepEqual(await sideways(page), []);
                    assert.deepEqual(troubles, []);
                    await close();
                }
            });
        }
    }

    test('sin JavaScript, en papel y en la vista de imprimir se lee la tabla, y no el tablero', async () => {
        const check = async (place, name) => {
            assert.ok(await place.locator('> .table-wrapper table').isVisible(), name);
            assert.equal(await place.locator('.tablero:visible').count(), 0, name);
        };
        for (const [options, media] of [[{javaScriptEnabled: false}, 'screen'], [{}, 'print']]) {
            for (const [address, games] of Object.entries(GAMES)) {
                const {page, game, close} = await open(address, options);
                await page.emulateMedia({media});
                for (const name of games) {
                    await check(game(name), `${name}, ${media}`);
                }
                await close();
            }
        }
        const {game, close} = await open('print.html');
        for (const [, name] of PLACES) {
            await check(game(name), name);
        }
        await close();
    });

    test('la barra se mueve con las flechas y con el ratón, y las flechas no pasan de capítulo', async () => {
        for (const [address, name] of PLACES.filter(([, name]) => name !== 'juego-cortes')) {
            const {page, game, troubles, close} = await open(address);
            const bar = game(name).getByRole('slider');
            const seen = new Set([await heard(game(name))]);
            await bar.focus();
            for (const key of ['ArrowRight', 'ArrowRight', 'End', 'Home']) {
                await page.keyboard.press(key);
                seen.add(await heard(game(name)));
            }
            assert.ok(seen.size >= 4, `${name}: ${[...seen].join(' / ')}`);
            const {width, height} = await bar.boundingBox();
            await bar.click({position: {x: width * 0.8, y: height / 2}});
            assert.ok(!seen.has(await heard(game(name))), `${name}: con el ratón no se mueve`);
            assert.equal(await bar.getAttribute('aria-valuetext'), await game(name).locator('output').textContent());
            assert.ok(page.url().endsWith(address), 'las flechas pasaron de capítulo');
            assert.deepEqual(troubles, []);
            await close();
        }
    });

    test('una vuelta: las visitas y los bytes son los de las reglas, y la tabla del capítulo también', async () => {
        const {game, close} = await open('02_04.html');
        const place = game('juego-vuelta');
        const FIRST = 5;
        for (const [count, visits, bytes, outside, others, event] of (await written(place)).map(row => row.map(Number))) {
            const [select, epoll] = [rules.selectTurn(count, FIRST), rules.epollTurn()];
            assert.deepEqual([visits, bytes, outside, others, event],
                [select.visits, select.bytes, select.outside, epoll.visits, epoll.bytes], `${count} conexiones`);
        }
        await place.getByRole('slider').fill('9');
        assert.equal(await heard(place), 'Para oír a una, select hace 3000 visitas y copia 256 bytes; epoll, 2 y 12. ');
        await place.getByRole('slider').fill('11');
        assert.match(await heard(place), /1 conexión queda fuera/);
        const figures = await place.locator('.tablero tbody td').allTextContents();
        assert.deepEqual(figures, ['1019', '0', '1019', '1', '1019', '1', '256', '12', '1', '0']);
        await close();
    });

    test('dos depósitos: lo que se acepta, el aviso y el final', async () => {
        const {game, close} = await open('02_03.html');
        const place = game('juego-depositos');
        const limits = {sending: 24, receiving: 16, message: 64};
        const told = ({notice, asked, accepted}) => notice ? 'aviso' : `write(${asked}) = ${accepted || 'EAGAIN'}`;
        for (const [read, what, left, sent, received] of await written(place)) {
            const state = rules.tanks(limits, Number.parseInt(read, 10));
            assert.deepEqual([left, sent, received].map(Number), [state.left, state.sent, state.received], read);
            const now = state.calls.filter(({at}) => at === Number.parseInt(read, 10)).map(told);
            assert.ok(what.startsWith(now.length ? now.join(', ') : 'nada'), `${read}: ${what}`);
        }
        const bar = place.getByRole('slider');
        assert.match(await heard(place), /^Beto no lee\. El núcleo acepta 40 KiB/);
        await bar.fill('7');
        assert.match(await heard(place), /^En el búfer de salida hay 7 KiB libres de 24/);
        await bar.fill('8');
        assert.match(await heard(place), /llega el aviso, y write acepta 8/);
        assert.deepEqual((await place.locator('.llamadas li').allTextContents()).slice(-3),
            ['aviso: se puede escribir', 'write(24) = 8, solo una parte', 'write(16) = EAGAIN']);
        await bar.fill('7');
        assert.equal(await place.locator('.llamadas li').count(), 3, 'no se puede volver atrás');
        await bar.fill('64');
        assert.match(await heard(place), /^Beto lo ha leído todo/);
        await close();
    });

    test('un flujo cortado: se corta con el teclado y con el ratón, y los mensajes son los mismos', async () => {
        const {page, game, troubles, close} = await open('02_03.html');
        const place = game('juego-cortes');
        const stream = ['hola', 'sí', 'adiós'].flatMap(rules.encode);
        for (const [got, texts, kept, lacks] of await written(place)) {
            const [first] = rules.readings(stream, [Number.parseInt(got, 10)]);
            assert.equal(texts, first.texts.join(', ') || 'ninguno', got);
            assert.equal(Number(kept), first.kept.length, got);
            const {found} = first;
            assert.equal(lacks, first.kept.length ? `${found.lacks} ${found.ofLength ? 'de la longitud' : 'del texto'}` : 'nada', got);
        }
        const same = /los mensajes que salen son hola, sí, adiós\./;
        const rows = place.locator('.lecturas li');
        assert.equal(await rows.count(), 2);
        await place.getByRole('button', {name: /^Byte 6:/}).click();
        assert.match(await heard(place), /^1 lectura,.*no tuvo que esperar/);
        await page.keyboard.press('Home');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press('ArrowRight');
        await page.keyboard.press(' ');
        assert.deepEqual(await rows.allTextContents(), [
            '3 bytes → ningún mensaje · guarda 3 bytes, y le falta 1 de la longitud',
            '22 bytes → hola sí adiós · no queda nada a medias',
        ]);
        // Tras cada byte, hasta el último, que siempre acaba una lectura.
        await page.keyboard.press('Home');
        for (let byte = 1; byte < stream.length; byte += 1) {
            if (byte !== 3) {
                await page.keyboard.press('Enter');
            }
            assert.match(await heard(place), same);
            await page.keyboard.press('ArrowRight');
        }
        assert.equal(await rows.count(), stream.length);
        assert.match(await page.evaluate(() => document.activeElement.textContent), /^Byte 25:/);
        await page.keyboard.press('Enter');
        await page.keyboard.press('ArrowRight');
        assert.equal(await rows.count(), stream.length);
        assert.ok(page.url().endsWith('02_03.html'));
        assert.deepEqual(troubles, []);
        await close();
    });

    test('por nivel y por flanco: los avisos y lo que queda', async () => {
        const {game, close} = await open('02_04.html');
        const place = game('juego-flanco');
        const arrivals = [10, 0, 0, 0, 2, 0, 0, 0];
        for (const [read, ...figures] of await written(place)) {
            const expected = [false, true].flatMap(edge => {
                const turns = rules.notices(edge, arrivals, Number.parseInt(read, 10));
                return [turns.filter(({told}) => told).length, turns.at(-1).left];
            });
            assert.deepEqual(figures.map(Number), expected, read);
        }
        assert.match(await heard(place), /Por nivel, epoll avisa 4 veces y no queda nada\. Por flanco, 2 veces.*quedan 4 bytes/);
        const [level, edge] = await place.getByRole('img').evaluateAll(scenes => scenes.map(scene => scene.ariaLabel));
        assert.match(level, /^Por nivel\. Vuelta 1: avisa, lees 4, quedan 6\. Vuelta 2: avisa/);
        assert.match(edge, /^Por flanco\. Vuelta 1: avisa, lees 4, quedan 6\. Vuelta 2: calla, quedan 6\./);
        await place.getByRole('slider').fill('7');
        assert.match(await heard(place), /los 3 que dejaste esperaron, sin aviso/);
        await place.getByRole('slider').fill('9');
        assert.match(await heard(place), /el byte que dejaste esperó, sin aviso/);
        await place.getByRole('slider').fill('10');
        assert.match(await heard(place), /lo lees todo, y nada espera\.$/);
        await close();
    });

    test('a quien pide menos movimiento no se le anima nada', async () => {
        const {game, close} = await open('02_03.html', {reducedMotion: 'reduce'});
        const moving = await game('juego-depositos').locator('.nivel').evaluateAll(levels =>
            levels.filter(level => getComputedStyle(level).transitionDuration !== '0s').length);
        assert.equal(moving, 0);
        await close();
    });
});
