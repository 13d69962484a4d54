// La ventana, mirada como la mira una persona: paso a paso, con el teclado, en vivo, de noche y en papel.
//
// Las grabaciones de `recordings.mjs` tienen lo que en una de verdad cuesta encontrar; las del libro son de verdad.

import {after, before, describe} from 'node:test';
import assert from 'node:assert/strict';
import {createServer} from 'node:http';
import {execFile} from 'node:child_process';
import {mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath, pathToFileURL} from 'node:url';
import {promisify} from 'node:util';
import {launch, missing, test} from './browser.mjs';
import {LIMIT, faults} from './page.mjs';
import {chat, crowd, hostile, threads, web} from './recordings.mjs';
import {html, script, style} from './window_page.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const WIDTHS = [358, 390, 800, 1280, 1920];

const lack = missing();
if (lack && process.env.CI) {
    throw new Error(`sin probar la ventana en el navegador: ${lack}`);
}

describe('la ventana en el navegador', {skip: lack && `AVISO: sin probar: ${lack}`}, () => {
    let browser;
    let folder;

    before(async () => {
        folder = mkdtempSync(join(tmpdir(), 'ventana-'));
        browser = await launch();
    });

    after(async () => {
        await browser?.close();
        rmSync(folder, {recursive: true, force: true});
    });

    // Un archivo, abierto desde el disco: no puede pedir nada a nadie.
    async function open(content, {hash = '', width = 1280, height = 800, scheme = 'light', ...more} = {}) {
        const file = join(folder, `${Math.random().toString(36).slice(2)}.html`);
        writeFileSync(file, content);
        return visit(`${pathToFileURL(file)}${hash}`, {viewport: {width, height}, colorScheme: scheme, ...more});
    }

    async function visit(address, options) {
        const context = await browser.newContext(options);
        context.setDefaultTimeout(LIMIT);
        const page = await context.newPage();
        const troubles = [];
        page.on('console', message => ['error', 'warning'].includes(message.type()) && troubles.push(message.text()));
        page.on('pageerror', error => troubles.push(error.message));
        page.on('request', request => request.url() !== address.split('#')[0] && !request.url().startsWith('data:')
            && troubles.push(`petición: ${request.url()}`));
        await page.goto(address, {waitUntil: 'load'});
        if (options.javaScriptEnabled !== false) {
            await shown(page);
        }
        return {page, troubles, close: () => context.close()};
    }

    // La grabación está comprimida: leerla lleva un momento.
    const shown = page => page.waitForFunction(() => document.querySelector('.dicho')?.textContent !== '');

    const at = page => page.$eval('input[type=range]', bar => Number(bar.value));
    const steps = page => page.$eval('input[type=range]', bar => Number(bar.max));
    const press = (page, ...keys) => keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
    const named = (page, place) => page.waitForFunction(place => location.hash === `#paso=${place}`, place);
    const words = (page, selector) => page.$eval(selector, element => element.textContent.replace(/\s+/g, ' ').trim());

    // Todo lo que se ve en un paso: lo escrito, lo dibujado y dónde se desplazó cada parte.
    const picture = page => page.evaluate(() => [...document.querySelectorAll('.frases, .codigo h2, .linea.actual, .llamada, .nucleo, .charla')]
        .map(part => part.outerHTML).concat([...document.querySelectorAll('.listado, .charla-dentro')].map(part => part.scrollTop)));

    function sideways(page) {
        return page.evaluate(() => {
            window.scrollTo(10_000, 0);
            const fits = element => element.scrollWidth <= element.clientWidth + 1;
            const wide = [...document.querySelectorAll('.nucleo-dentro, .charla-dentro, .mandos, .frases')].filter(element => !fits(element));
            return [...wide.map(element => element.className), ...window.scrollX || !fits(document.documentElement) ? ['la página'] : []];
        });
    }

    for (const [name, records] of [['un chat con select', chat()], ['una web con epoll', web()], ['un hilo por cliente', threads(9)],
        ['una multitud', crowd(40, 12)]]) {
        test(`${name}: hacia atrás se ve lo mismo que hacia delante`, async () => {
            const {page, troubles, close} = await open(html(records));
            const forward = [];
            const count = await steps(page);
            for (let place = 1; place <= count; place += 1) {
                assert.equal(await at(page), place);
                forward.push(await picture(page));
                await press(page, 'ArrowRight');
            }
            for (let place = count; place >= 1; place -= 1) {
                assert.equal(await at(page), place);
                assert.ok((await picture(page)).join() === forward[place - 1].join(), `en el paso ${place} no se ve lo mismo`);
                await press(page, 'ArrowLeft');
            }
            assert.ok(new Set(forward.map(String)).size > count * 0.9, 'los pasos se distinguen');
            assert.deepEqual(troubles, []);
            await close();
        });
    }

    test('el núcleo y el código dicen lo que había en cada paso', async () => {
        const {page, close} = await open(html(chat()), {hash: '#paso=6'});
        assert.match(await words(page, '.donde'), /^Paso 6 de 19 · 2,000 s · duró 800 ms$/);
        assert.equal(await words(page, '.frase'), 'select: 2 listos');
        assert.match(await words(page, '.linea.actual'), /guests\.wait/);
        const set = await page.$$eval('.bits .vuelta td', cells => cells.map(cell => cell.textContent).join(''));
        assert.equal(set, '00011');
        await press(page, 'ArrowRight');
        assert.match(await words(page, '.conexion.actual'), /cliente 2 · fd 5/);
        await press(page, 'ArrowRight');
        assert.match(await words(page, '.conexion.actual'), /cliente 1 · fd 4ESTABLISHEDleídos 5 · escritos 00por leer/);
        await close();

        const other = await open(html(web()), {hash: '#paso=13'});
        assert.match(await words(other.page, '.hilo'), /hilo 1 duerme en epoll_wait\(4\)/);
        assert.match(await words(other.page, '.lista'), /cliente 1 ?EPOLLOUT ?EPOLLRDHUP/);
        assert.match(await words(other.page, '.medidas'), /2.434.560sin confirmar ?131.088sin leer allí/);
        await other.close();

        const asleep = await open(html(threads(200)), {hash: '#paso=500'});
        assert.match(await words(asleep.page, '.hilos'), /hilos? duermen en recvfrom/);
        assert.match(await words(asleep.page, '.nucleo .resto'), /conexiones más/);
        await asleep.close();
    });

    test('las teclas, los botones, la barra y el número llevan a su paso', async () => {
        const {page, close} = await open(html(chat()));
        for (const [key, place] of [['ArrowRight', 2], ['ArrowRight', 3], ['ArrowLeft', 2], ['End', 19], ['Home', 1],
            ['ArrowDown', 2], ['ArrowDown', 5], ['Shift+ArrowRight', 10], ['Shift+ArrowLeft', 5], ['ArrowUp', 2],
            ['m', 13], ['c', 17], ['f', 18], ['f', 18], ['m', 13], ['Control+ArrowRight', 13], ['Alt+Home', 13]]) {
            await press(page, key);
            assert.equal(await at(page), place, key);
        }
        await named(page, 13);
        for (const [order, place] of [['back', 12], ['next', 13], ['turnNext', 14], ['turnBack', 10], ['partial', 13], ['closes', 17], ['fails', 18]]) {
            await page.locator(`[data-order=${order}]`).click();
            assert.equal(await at(page), place, order);
        }
        // Con la barra enfocada, sus flechas; con el número, las suyas.
        await page.focus('input[type=range]');
        await press(page, 'ArrowLeft', 'ArrowLeft');
        assert.equal(await at(page), 16);
        await page.locator('input[type=range]').fill('4');
        assert.equal(await at(page), 4);
        await page.focus('input[type=number]');
        await press(page, 'Home', 'ArrowRight', 'c', ' ');
        assert.equal(await at(page), 4);
        await page.fill('input[type=number]', '9999');
        await press(page, 'Enter');
        assert.equal(await at(page), 19);
        await page.locator('.fila', {hasText: 'llega el cliente'}).last().click();
        await page.waitForFunction(() => document.querySelector('.fila.actual').textContent.includes('llega el cliente 2'));
        // El tabulador llega a todo.
        await page.evaluate(() => document.activeElement.blur());
        const reached = new Set();
        for (let times = 0; times < 24; times += 1) {
            await press(page, 'Tab');
            reached.add(await page.evaluate(() => document.activeElement.dataset.order ?? document.activeElement.className + document.activeElement.type));
        }
        for (const each of ['listado', 'nucleo-dentro', 'charla-dentro', 'play', 'range', 'number', 'select-one', 'fails']) {
            assert.ok([...reached].some(one => one.startsWith(each) || one.endsWith(each)), `${each} no está entre ${[...reached]}`);
        }
        await close();
    });

    test('se reproduce, se detiene y termina en el último', async () => {
        const {page, close} = await open(html(chat()));
        await page.selectOption('select', 'faster');
        await page.evaluate(() => document.activeElement.blur());
        await press(page, ' ');
        assert.equal(await page.getAttribute('.dicho', 'aria-live'), 'off');
        assert.equal(await page.getAttribute('[data-order=play]', 'aria-label'), 'Detener');
        await page.waitForFunction(() => document.querySelector('input[type=range]').value === '19');
        await page.waitForFunction(() => document.querySelector('[data-order=play]').getAttribute('aria-label') === 'Reproducir');
        assert.equal(await page.getAttribute('.dicho', 'aria-live'), 'polite');
        await press(page, 'Home', ' ', 'ArrowRight');
        assert.equal(await page.getAttribute('[data-order=play]', 'aria-label'), 'Reproducir');
        await close();
    });

    test('la dirección dice el paso, y se la obedece, también dentro de otra página', async () => {
        for (const [hash, place] of [['#paso=7', 7], ['#paso=0', 1], ['#paso=-3', 1], ['#paso=999999999999', 19], ['#paso=dos', 1], ['', 1]]) {
            const {page, close} = await open(html(chat()), {hash});
            assert.equal(await at(page), place, hash);
            await page.evaluate(() => { location.hash = '#paso=5'; });
            await page.waitForFunction(() => document.querySelector('input[type=range]').value === '5');
            await close();
        }
        writeFileSync(join(folder, 'dentro.html'), html(chat()));
        const inner = await open('<!DOCTYPE html><title>libro</title><iframe name="ventana" src="dentro.html#paso=3" width="800" height="700"></iframe>'
            + '<a target="ventana" href="dentro.html#paso=9">nueve</a>');
        const frame = inner.page.frame('ventana');
        await shown(frame);
        assert.equal(await at(frame), 3);
        assert.equal(await frame.evaluate(() => document.activeElement === document.body), true);
        await inner.page.click('a');
        await frame.waitForFunction(() => document.querySelector('input[type=range]').value === '9');
        await frame.locator('.donde').click();
        await inner.page.keyboard.press('ArrowRight');
        await frame.waitForFunction(() => location.hash === '#paso=10');
        for (const theme of ['dark', 'light']) {
            await inner.page.evaluate(theme => document.querySelector('iframe').contentWindow.postMessage({theme}, '*'), theme);
            await frame.waitForFunction(theme => getComputedStyle(document.documentElement).colorScheme === theme, theme);
        }
        await inner.close();
    });

    test('se lee con un lector de pantalla, de día y de noche', async () => {
        // De un aspecto a otro solo cambian los colores.
        for (const [scheme, rules] of [['light', {}], ['dark', {runOnly: ['color-contrast']}]]) {
            for (const [records, hash] of [[chat(), '#paso=13'], [web(), '#paso=13'], [threads(30), '#paso=70'], [[], '']]) {
                const {page, close} = await open(html(records), {hash, scheme});
                await page.locator('summary').click();
                assert.deepEqual(await faults(page, rules), [], `${scheme} ${hash}`);
                await close();
            }
        }
    });

    for (const width of WIDTHS) {
        test(`con ${width} píxeles nada se sale`, async () => {
            for (const [records, hash] of [[chat(), '#paso=13'], [web(), '#paso=13'], [threads(200), '#paso=700'], [crowd(1000, 10), '#paso=2020'],
                [hostile(), '#paso=3']]) {
                const {page, close} = await open(html(records), {hash, width, height: width === 800 ? 640 : 800});
                assert.deepEqual(await sideways(page), [], `${width} ${hash}`);
                await close();
            }
        });
    }

    test('en papel está el paso elegido, con sus cuatro partes', async () => {
        const {page, close} = await open(html(chat()), {hash: '#paso=13', width: 717, height: 1000});
        await page.emulateMedia({media: 'print'});
        await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
        assert.equal(await page.isVisible('.mandos'), false);
        for (const part of ['.frase', '.linea.actual', '.conexion.actual', '.fila.actual', '.llamada']) {
            assert.ok(await page.isVisible(part), part);
        }
        assert.equal(await page.locator('.linea:visible').count(), 19);
        const cut = await page.$$eval('.nucleo-dentro, .listado', parts => parts.filter(part => part.scrollHeight > part.clientHeight + 1).length);
        assert.equal(cut, 0);
        await close();
    });

    test('sin JavaScript queda la lista de los pasos', async () => {
        const list = '<li id="paso=1"><span class="momento">0,000 s</span> <span class="dice">listen(3)</span></li><li id="paso=2">dos</li>';
        const {page, close} = await open(html(chat(), {steps: list}), {hash: '#paso=2', javaScriptEnabled: false});
        assert.ok(await page.isVisible('.pasos .dice'));
        assert.ok(await page.isVisible('.pasos li:target'));
        assert.equal(await page.isVisible('main'), false);
        assert.equal(await page.isVisible('.mandos'), false);
        await close();
    });

    // La página que deja `cargo ver`, de lo escrito a mano y de lo que se grabó para el libro.
    async function seen(recording) {
        const page = join(folder, 'vista.html');
        await run('cargo', ['run', '--quiet', '--package', 'ventana', '--bin', 'ver', '--', recording, '--grabar', page], {cwd: ROOT});
        return readFileSync(page, 'utf8');
    }

    function recordings() {
        const written = Object.entries({chat: chat(), web: web(), hilos: threads(9)}).map(([name, records]) => {
            const file = join(folder, `${name}.jsonl`);
            const plain = records.map(({say, why, asleep, ...record}) => JSON.stringify(record));
            writeFileSync(file, `${plain.join('\n')}\n`);
            return file;
        });
        const found = ['lessons', 'book/ejemplos'].flatMap(folder => readdirSync(join(ROOT, folder), {recursive: true})
            .filter(name => /(?:^|\/)grabaciones\/\w+\.jsonl$/.test(name)).map(name => join(ROOT, folder, name)));
        return [...written, ...found];
    }

    test('la lista de quien no tiene JavaScript y la página cuentan los mismos pasos', async () => {
        for (const recording of recordings()) {
            const content = await seen(recording);
            const without = await open(content, {javaScriptEnabled: false});
            const listed = await without.page.$$eval('.pasos li', items => items.map(({id, children}) => [id, children[1].textContent]));
            await without.close();
            const {page, troubles, close} = await open(content);
            assert.equal(await steps(page), listed.length, recording);
            const apart = Math.max(1, Math.floor(listed.length / 40));
            for (let place = 1; place <= listed.length; place += apart) {
                await page.locator('input[type=range]').fill(String(place));
                const [id, told] = listed[place - 1];
                assert.equal(id, `paso=${place}`);
                const first = await words(page, '.frase');
                assert.ok(told.replace(/\s+/g, ' ').trim().startsWith(first), `${recording}, ${id}: «${told}», «${first}»`);
            }
            assert.deepEqual(troubles, []);
            await close();
        }
    });

    test('lo que llega es texto: ni se ejecuta, ni se da la vuelta, ni rompe nada', async () => {
        const {page, troubles, close} = await open(html(hostile()));
        const count = await steps(page);
        assert.equal(count, 6);
        for (let place = 1; place <= count; place += 1) {
            const text = await page.evaluate(() => document.body.innerText);
            assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\0\u0007]/);
            await press(page, 'ArrowRight');
        }
        assert.match(await words(page, '.dicho'), /faltan 12.345 llamadas/);
        assert.equal(await page.evaluate(() => window.roto), undefined);
        assert.equal(await page.locator('h1').count(), 1);
        assert.equal(await page.locator('img').count(), 0);
        await press(page, 'Home');
        assert.match(await words(page, '.linea.actual'), /<script>window.roto = 1<\/script>/);
        await page.locator('.fila', {hasText: '\\xff'}).click();
        assert.match(await words(page, '.llamada'), /"\\xff\\0\\xc3\\xc3\(\\u\{200e\}\\x1b\[3m"/);
        assert.deepEqual(troubles, []);
        await close();
    });

    test('una grabación vacía, de un paso o estropeada lo dice, o se ve', async () => {
        for (const [records, count, told] of [[[], 1, /vacía/], [[{what: 'recording', version: 1, command: ['x'], started: 0}], 1, /vacía/],
            [chat().slice(0, 3), 1, /listen/], [{no: 'es una lista'}, 1, /está estropeada/], [chat().slice(5), 16, /./]]) {
            const {page, troubles, close} = await open(html(records));
            assert.equal(await steps(page), count);
            assert.match(await words(page, '.dicho'), told);
            await press(page, 'ArrowRight', 'End', 'm', ' ', 'ArrowLeft', 'Home');
            assert.deepEqual(troubles, []);
            await close();
        }
    });

    test('en vivo se sigue el final, salvo que se vuelva atrás', async () => {
        const all = chat();
        const listeners = [];
        const server = createServer((request, response) => {
            if (request.url === '/eventos') {
                response.writeHead(200, {'content-type': 'text/event-stream'});
                response.flushHeaders();
                listeners.push(response);
            } else {
                response.writeHead(200, {'content-type': 'text/html; charset=utf-8'}).end(html([], {events: 'eventos'}));
            }
        });
        await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
        const context = await browser.newContext();
        context.setDefaultTimeout(LIMIT);
        const page = await context.newPage();
        const errors = [];
        page.on('pageerror', error => errors.push(error.message));
        await page.goto(`http://127.0.0.1:${server.address().port}/`);
        await shown(page);
        assert.match(await words(page, '.dicho'), /A la espera/);
        await page.locator('.vivo', {hasText: 'en vivo'}).waitFor();
        const send = records => records.forEach(record => listeners.at(-1).write(`data: ${JSON.stringify(record)}\n\n`));
        const reached = (place, last) => page.waitForFunction(([place, last]) => {
            const bar = document.querySelector('input[type=range]');
            return Number(bar.value) === place && Number(bar.max) === last;
        }, [place, last]);

        send(all.slice(0, 4));
        listeners.at(-1).write('data: {estropeada\n\n');
        await reached(1, 1);
        // Primero, que se duerme; después, entera: no es un paso más.
        const call = all.find(record => record.what === 'call' && record.asleep);
        send([{...call, took: undefined, ready: undefined, result: undefined, say: undefined}]);
        await reached(2, 2);
        assert.match(await words(page, '.hilos'), /duerme en pselect6/);
        send(all.slice(4, 8));
        await reached(4, 4);
        await press(page, 'Home');
        send(all.slice(8, 12));
        await reached(1, 7);
        await press(page, 'End');
        send(all.slice(12));
        await reached(19, 19);
        assert.deepEqual(await picture(page), await pictureOf(all, 19));
        // Quien se reconecta y recibe todo otra vez no lo ve dos veces.
        send(all);
        await reached(19, 19);
        listeners.at(-1).write('event: fin\ndata: {}\n\n');
        await page.locator('.vivo', {hasText: 'terminó'}).waitFor();
        assert.deepEqual(errors, []);
        await context.close();
        server.closeAllConnections();
        server.close();
    });

    async function pictureOf(records, place) {
        const {page, close} = await open(html(records), {hash: `#paso=${place}`, height: 720});
        const seen = await picture(page);
        await close();
        return seen;
    }

    test('con diez mil llamadas solo se dibuja lo que se ve', async () => {
        const {page, close} = await open(html(crowd(1000, 2700)));
        assert.ok(await steps(page) > 10_000);
        const opened = await page.evaluate(() => performance.now());
        const measured = await page.evaluate(async () => {
            const times = [];
            const bar = document.querySelector('input[type=range]');
            for (let place = 1; place <= 12_000; place += 101) {
                const start = performance.now();
                bar.value = place;
                bar.dispatchEvent(new Event('input'));
                document.body.getBoundingClientRect();
                times.push(performance.now() - start);
            }
            times.sort((one, other) => one - other);
            const at = share => times[Math.floor((times.length - 1) * share)].toFixed(1);
            return {nodes: document.querySelectorAll('.nucleo *, .charla *').length,
                step: `mediana ${at(0.5)} ms, 95 de cada 100 en ${at(0.95)} ms, máximo ${at(1)} ms`};
        });
        console.log(`    se abre en ${opened.toFixed(0)} ms; un paso: ${measured.step}`);
        assert.ok(measured.nodes < 1500, `${measured.nodes} elementos`);
        await close();
    });

    test('el guion y el estilo ocupan menos de 100 kB', () => {
        const size = Buffer.byteLength(script()) + Buffer.byteLength(style());
        assert.ok(size < 100_000, `${size} bytes`);
        assert.doesNotMatch(script(), /innerHTML|insertAdjacentHTML|\beval\b|new Function|<\/script/);
    });
});
