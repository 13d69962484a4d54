// El libro, leído como lo lee una persona: en un navegador, con sus ojos y con su teclado.
//
// Se ejecuta con `npm ci && npm test` en esta carpeta; hace falta Chromium.

import {after, before, describe} from 'node:test';
import assert from 'node:assert/strict';
import {readFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {launch, missing, serve, test} from './browser.mjs';
import {NARROW, WIDE, faults, open as openIn, sideways, visit} from './page.mjs';

const BOOK = fileURLToPath(new URL('..', import.meta.url));
// Una hoja A4, sin los márgenes que deja el navegador.
const PAPER = {width: 717, height: 1000};
// La más estrecha en la que, con el índice abierto, los dos lenguajes van uno al lado del otro.
const COLUMNS = {width: 1598, height: 900};

// Lo que mdBook escribe en inglés y una persona puede ver u oír.
const ENGLISH = new RegExp('\\b(?:' + [
    'toggle', 'table of contents', 'change theme', 'themes', 'auto', 'light', 'rust', 'coal', 'navy',
    'search', 'searchbar', 'print', 'previous', 'next', 'chapter', 'chapters', 'page', 'navigation',
    'copy', 'copied', 'clipboard', 'error', 'show', 'hide', 'hidden', 'lines', 'run', 'undo',
    'keyboard', 'shortcuts', 'press', 'navigate', 'results?', 'teaser', 'loading', 'not found',
    'the', 'this', 'with', 'for', 'and', 'or', 'of',
].join('|') + ')\\b', 'i');

const lack = missing();
if (lack && process.env.CI) {
    throw new Error(`sin probar el libro en el navegador: ${lack}`);
}

describe('el libro en el navegador', {skip: lack && `AVISO: sin probar: ${lack}`}, () => {
    let browser;
    let site;
    let pages;

    before(async () => {
        [browser, site] = await Promise.all([launch(), serve()]);
        const page = await browser.newPage();
        await page.goto(`${site.url}portada.html`);
        pages = await page.$$eval('.sidebar-scrollbox a[href]', links =>
            [...new Set(links.map(link => link.href.split('#')[0]))]);
        assert.ok(pages.length > 10, `solo ${pages.length} páginas en el índice`);
        await page.close();
    });

    after(async () => {
        await browser?.close();
        site?.stop();
    });

    function open(address, options) {
        return openIn(browser, site, address, options);
    }

    // Tecla a tecla.
    async function search(page, query) {
        await page.keyboard.press('/');
        await page.fill('#mdbook-searchbar', '');
        await page.keyboard.type(query);
        await found(page, query);
        return page.$$eval('#mdbook-searchresults li', items => items.map(item => item.textContent));
    }

    // De una vez, como quien pega lo que busca.
    async function paste(page, query) {
        await page.fill('#mdbook-searchbar', query);
        await found(page, query);
    }

    function found(page, query) {
        return page.locator('#mdbook-searchresults-header').filter({hasText: `«${query.trim()}»`}).waitFor();
    }

    // En las tablas, los identificadores que el final de una línea parte por dentro.
    function brokenWords(page) {
        return page.evaluate(() => {
            document.querySelectorAll('details').forEach(details => { details.open = true; });
            const broken = [];
            for (const code of document.querySelectorAll('main td code')) {
                const walker = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
                while (walker.nextNode()) {
                    for (const word of walker.currentNode.data.matchAll(/[\p{L}\p{N}_]+/gu)) {
                        const range = document.createRange();
                        range.setStart(walker.currentNode, word.index);
                        range.setEnd(walker.currentNode, word.index + word[0].length);
                        if (new Set([...range.getClientRects()].map(({top}) => top)).size > 1) {
                            broken.push(word[0]);
                        }
                    }
                }
            }
            return broken;
        });
    }

    // Los fallos graves de accesibilidad, con las preguntas ya contestadas.
    async function inaccessible(page, rules) {
        await page.evaluate(() => {
            document.querySelectorAll('.pregunta .opcion, .pregunta button.renglon').forEach(option => option.click());
            for (const field of document.querySelectorAll('.pregunta .respuesta')) {
                field.value = 'nada';
                field.form.requestSubmit();
                field.form.requestSubmit();
            }
            document.querySelectorAll('.pregunta.orden .accion').forEach(check => check.click());
        });
        return faults(page, rules);
    }

    // De dos en dos, que son lo más largo.
    describe('página por página', {concurrency: 2}, () => {
        for (const [scheme, theme, rules] of [
            ['light', 'light', {}],
            // De un tema a otro solo cambian los colores.
            ['dark', 'navy', {runOnly: ['color-contrast']}],
        ]) {
            for (const width of [WIDE, NARROW]) {
                test(`cada página, con el tema ${scheme} y ${width.width} píxeles`, async () => {
                    const {page, troubles, close} = await open(site.url, {width, scheme});
                    for (const address of [...pages, `${site.url}print.html`]) {
                        await visit(page, address);
                        assert.deepEqual(await sideways(page), [], `${address} se desplaza de lado`);
                        const themed = await page.$eval('html', (html, theme) => html.classList.contains(theme), theme);
                        assert.ok(themed, `${address} no sigue al tema`);
                        if (width === WIDE && !address.endsWith('print.html')) {
                            troubles.push(...await inaccessible(page, rules));
                        }
                    }
                    assert.deepEqual(troubles, []);
                    await close();
                });
            }
        }
    });

    // Los listados que no caben: los de código no se parten; los de una terminal, sí.
    function cut(page) {
        return page.evaluate(() => {
            document.querySelectorAll('details').forEach(details => { details.open = true; });
            const listings = [...document.querySelectorAll('main pre > code')];
            listings.filter(code => code.matches('.language-rust, .language-python'))
                .forEach(code => { code.style.whiteSpace = 'pre'; });
            return listings.filter(code => code.scrollWidth > code.clientWidth).map(code =>
                code.textContent.split('\n').reduce((one, other) => [...other].length > [...one].length ? other : one));
        });
    }

    test('en una pantalla de 1280 píxeles, en una de dos columnas y en papel, los listados caben enteros', async () => {
        const {page, close} = await open(site.url);
        const faults = [];
        const look = async (address, where) =>
            faults.push(...(await cut(page)).map(line => `${address}, ${where}: «${line.trim()}»`));
        for (const address of pages) {
            // Se abre en pantalla: en una hoja, el índice empezaría cerrado.
            await page.emulateMedia({media: 'screen'});
            await page.setViewportSize(COLUMNS);
            await visit(page, address);
            await look(address, 'con dos columnas');
            await page.setViewportSize(WIDE);
            await look(address, 'en la pantalla');
            await page.setViewportSize(PAPER);
            await page.emulateMedia({media: 'print'});
            await look(address, 'en papel');
        }
        assert.deepEqual(faults, []);
        await close();
    });

    test('en un teléfono, las tablas no parten los nombres y se desplazan con el teclado', async () => {
        const {page, close} = await open(site.url, {width: NARROW});
        let scrolling = 0;
        for (const address of pages) {
            await visit(page, address);
            assert.deepEqual(await brokenWords(page), [], address);
            // Al siguiente fotograma, que lo que estaba plegado acaba de tener ancho.
            const wide = await page.evaluate(() => new Promise(resolve => requestAnimationFrame(() =>
                requestAnimationFrame(() => resolve([...document.querySelectorAll('main pre > code, .table-wrapper, main figure')]
                    .filter(element => element.scrollWidth > element.clientWidth)
                    .map(element => ({
                        html: element.outerHTML.slice(0, 80),
                        focusable: element.tabIndex === 0 && element.ariaLabel?.length > 0,
                        hinted: getComputedStyle(element).backgroundAttachment.includes('local'),
                    })))))));
            scrolling += wide.length;
            assert.deepEqual(wide.filter(({focusable, hinted}) => !focusable || !hinted), [], address);
        }
        assert.ok(scrolling > 100, `solo se desplazan ${scrolling} cosas`);

        await visit(page, `${site.url}mas_alla/tokio.html`);
        const table = page.locator('.table-wrapper[tabindex="0"]').first();
        await table.focus();
        await page.keyboard.press('ArrowRight');
        await page.waitForFunction(() => document.activeElement.scrollLeft > 0);
        await page.setViewportSize({width: 1280, height: 900});
        await page.waitForFunction(() => document.querySelector('.table-wrapper[tabindex="0"]') === null);
        await close();
    });

    test('no queda inglés en lo que pone mdBook', async () => {
        const {page, close} = await open(`${site.url}02_03.html`, {permissions: ['clipboard-write']});
        await page.keyboard.press('?');
        await page.locator('.clip-button').first().focus();
        await page.keyboard.press('Enter');
        await page.locator('.tooltipped').waitFor();
        await search(page, 'hilo');
        const texts = await page.evaluate(() => {
            const shown = [];
            const prose = node => node.parentElement?.closest('main, .sidebar-scrollbox, .teaser, li a, style, script')
                && !node.parentElement.closest('.buttons');
            const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
            while (walker.nextNode()) {
                if (!prose(walker.currentNode) && walker.currentNode.data.trim()) {
                    shown.push(walker.currentNode.data.trim());
                }
            }
            // Los botones que mueven una pieza la citan, y puede ser código.
            for (const element of document.querySelectorAll(':not(.mover)')) {
                for (const name of ['title', 'aria-label', 'placeholder', 'alt', 'aria-description']) {
                    // Una pregunta cita lo que dice el capítulo.
                    if (element.hasAttribute(name) && !element.closest('.pregunta')) {
                        shown.push(element.getAttribute(name));
                    }
                }
            }
            return [...new Set(shown)];
        });
        assert.ok(texts.length > 15, `solo se ven ${texts.length} textos`);
        assert.ok(texts.includes('¡Copiado!'), texts.join(' · '));
        // «Buscar (tecla «/»)» y los nombres propios pasan: se miran las palabras enteras.
        assert.deepEqual(texts.filter(text => ENGLISH.test(text)), []);
        await close();
    });

    test('busca como se habla', async () => {
        const {page, troubles, close} = await open(site.url);
        const has = (results, word) => results.some(result => result.includes(word));
        const same = async (one, other, why) => {
            const results = await search(page, one);
            assert.ok(results.length > 1, `${one}: solo ${results.length} resultados`);
            assert.deepEqual(results, await search(page, other), why);
        };
        await same('conexion ', 'conexión ', 'sin tilde');
        await same('descriptores ', 'descriptor ', 'el plural y el singular');
        await same('hilos ', 'hilo ', 'el plural de una palabra corta');
        await same('EPOLL ', 'epoll ', 'en mayúsculas');
        assert.ok(has(await search(page, 'búfere'), 'búfer'), 'una palabra a medio escribir');
        const first = await search(page, 'í');
        assert.ok(first.length > 0 && first.every(result => /índice/i.test(result)), 'la primera letra, con tilde');
        assert.ok(has(await search(page, 'ind'), 'índice'), 'las primeras letras, sin tilde');
        assert.ok(has(await search(page, 'hiló'), 'hilo'), 'una tilde de más');
        assert.ok(has(await search(page, 'multiplexa'), 'multiplexación'), 'las primeras letras');
        const year = await search(page, 'tamano ');
        assert.ok(!has(year, 'tamaño'), 'la eñe no es una ene');
        assert.ok(has(await search(page, 'tamaño '), 'tamaño'), 'la eñe se encuentra');
        await same('el hilo de un cliente ', 'hilo cliente ', 'las palabras vacías no cuentan');
        const ranked = await search(page, 'conexion');
        const place = words => ranked.findIndex(result => result.includes(words));
        assert.ok(place('La cola de quienes ya llamaron') >= 0 && place('La cola de quienes ya llamaron')
            < place('02_05 · Medir'), 'una gráfica que repite la palabra no va delante de quien la explica');
        assert.deepEqual(await search(page, 'xyzxyz '), []);
        assert.match(await page.textContent('#mdbook-searchresults-header'), /^Ningún resultado/);
        assert.deepEqual(troubles, []);
        await close();
    });

    test('lo primero que encuentra quien busca un término es qué significa, en español o en inglés', async () => {
        const {page, close} = await open(site.url);
        const terms = await page.evaluate(() => window.glosario);
        await page.keyboard.press('/');
        assert.ok(terms.length > 30, `solo ${terms.length} términos`);
        const poor = [];
        for (const {spanish, english, address, meaning} of terms) {
            // De «deadline, timeout» y «reset (RST)» vale cada nombre.
            for (const name of [spanish, ...english.split(/[,()]/).map(name => name.trim()).filter(Boolean)]) {
                await paste(page, `${name} `);
                const first = await page.$$eval('#mdbook-searchresults li', items => items.slice(0, 3).map(item =>
                    item.querySelector('a').href + item.querySelector('.teaser').textContent));
                const wanted = [address.split('#')[0], meaning.slice(0, 40)];
                if (!first.some(result => wanted.every(part => result.includes(part)))) {
                    poor.push(name);
                }
            }
        }
        assert.deepEqual(poor, []);
        await close();
    });

    test('encuentra lo que un estudiante teclea', async () => {
        const {page, close} = await open(site.url);
        for (const [query, title] of [
            ['Address already in use', 'Si algo no sale'],
            ['connection refused', 'Si algo no sale'],
            ['too many open files', 'Si algo no sale'],
            ['broken pipe', 'El final no es un error'],
            ['connection reset by peer', 'El final no es un error'],
            ['epoll', 'Una web sobre epoll'],
            ['select', 'Un chat sobre select'],
            ['strace', 'Las órdenes del libro'],
            ['instalar rust', 'Preparación'],
            ['windows', 'En Windows'],
            ['docker', 'En un contenedor'],
            ['C10K', 'Antes de la segunda'],
            ['ulimit', 'Si algo no sale'],
            ['cola', 'La cola de quienes ya llamaron'],
        ]) {
            const results = (await search(page, query)).slice(0, 3);
            assert.ok(results.some(result => result.includes(title)), `${query}: ${results.join('\n')}`);
        }
        const quoted = await search(page, 'rust ');
        assert.ok(quoted.length > 0 && quoted.every(result => !result.includes('Óxido')), 'no traduce lo que cita');
        await close();
    });

    test('de una palabra mal escrita propone la buena', async () => {
        const {page, close} = await open(site.url);
        for (const [wrong, right] of [['slect', 'select'], ['descriptro', 'descriptor'], ['conexxion', 'conexión'],
            ['hiilo', 'hilo'], ['epol_wait', 'epoll_wait']]) {
            assert.deepEqual(await search(page, `${wrong} `), [], wrong);
            assert.equal(await page.textContent('.sugerencia'), right);
        }
        await page.keyboard.press('Enter');
        await page.locator('#mdbook-searchresults-header').filter({hasText: '«epoll_wait»'}).waitFor();
        assert.ok(await page.locator('#mdbook-searchresults li').count() > 3);
        await close();
    });

    test('el buscador se usa sin ratón, y señala lo que encontró', async () => {
        const {page, close} = await open(site.url);
        await search(page, 'epoll_wait');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowDown');
        await page.keyboard.press('ArrowUp');
        await page.keyboard.press('Enter');
        await page.waitForURL(/marca=epoll_wait/);
        const marks = await page.$$eval('main mark', marks => marks.map(mark => mark.textContent));
        assert.ok(marks.includes('epoll_wait'), String(marks));
        await page.goBack();
        await page.locator('#mdbook-searchresults li').first().waitFor();
        assert.equal(await page.inputValue('#mdbook-searchbar'), 'epoll_wait');
        await page.keyboard.press('Escape');
        assert.equal(await page.isVisible('#mdbook-searchbar'), false);
        await close();
    });

    test('el buscador funciona con el libro abierto como archivo', async () => {
        const {page, troubles, close} = await open(`file://${BOOK}salida/index.html`);
        const results = await search(page, 'conexion');
        assert.ok(results.some(result => result.includes('conexión')));
        assert.deepEqual(troubles, []);
        await close();
    });

    test('una pregunta se contesta con el teclado, mal y bien, y se recuerda', async () => {
        const {page, close} = await open(`${site.url}ejercicios.html`);
        const question = page.locator('.pregunta:not(.salida, .orden, .linea)').first();
        const wrong = question.locator('.mala').first();
        const right = question.locator('.buena');
        assert.equal(await wrong.locator('.razon').isVisible(), false);
        await wrong.locator('.opcion').focus();
        await page.keyboard.press('Enter');
        await wrong.locator('.razon').waitFor();
        assert.match(await wrong.locator('.opcion').textContent(), /^Incorrecta: /);
        assert.equal(await right.locator('.razon').isVisible(), false, 'no se descubre la buena');
        await right.locator('.opcion').focus();
        await page.keyboard.press(' ');
        await right.locator('.razon').waitFor();
        assert.match(await right.locator('.opcion').textContent(), /^Correcta: /);
        await page.reload();
        assert.ok(await right.locator('.razon').isVisible(), 'no se recuerda lo contestado');
        await question.locator('.olvidar').click();
        assert.equal(await right.locator('.razon').isVisible(), false);
        await page.reload();
        assert.equal(await right.locator('.razon').isVisible(), false, 'no se olvidó');
        await close();
    });

    test('sin JavaScript y en papel, las preguntas se leen enteras', async () => {
        const {page, close} = await open(`${site.url}ejercicios.html`, {javaScriptEnabled: false});
        const reasons = page.locator('.pregunta blockquote');
        assert.ok(await reasons.count() >= 2);
        assert.ok(await reasons.first().isVisible());
        assert.equal(await page.locator('.pregunta input[checked]').count(),
            await page.locator('.pregunta:not(.orden)').count());
        await page.goto(`${site.url}antes_de_empezar.html`);
        for (const kind of ['salida', 'orden', 'linea']) {
            assert.ok(await page.locator(`.pregunta.${kind} blockquote`).first().isVisible(), kind);
        }
        await close();
        const paper = await open(`${site.url}ejercicios.html`);
        await paper.page.emulateMedia({media: 'print'});
        assert.ok(await paper.page.locator('.razon').first().isVisible());
        assert.equal(await paper.page.locator('.clip-button').first().isVisible(), false);
        await paper.page.goto(`${site.url}antes_de_empezar.html`);
        for (const kind of ['salida', 'orden', 'linea']) {
            const question = paper.page.locator(`.pregunta.${kind}`).first();
            assert.ok(await question.locator('blockquote').first().isVisible(), kind);
            assert.equal(await question.locator('.contestable:visible').count(), 0, kind);
        }
        await paper.close();
    });

    // Lo que se lee en voz alta, sin los espacios de la página.
    async function heard(place) {
        return (await place.textContent()).replace(/\s+/g, ' ').trim();
    }

    test('lo que sale se escribe, y cada respuesta dice por qué', async () => {
        const {page, troubles, close} = await open(`${site.url}antes_de_empezar.html`);
        const question = page.locator('#p-antes-seis');
        const field = question.locator('.respuesta');
        const said = question.locator('.aviso');
        assert.equal(await said.getAttribute('role'), 'status');
        await field.press('Enter');
        assert.match(await heard(said), /^Escribe primero/);
        await field.fill('5,4');
        await field.press('Enter');
        assert.match(await heard(said), /^Incorrecta: Una lectura por cada escritura/);
        assert.equal(await question.locator('text=Ver la respuesta').isVisible(), false);
        await field.fill('77');
        await field.press('Enter');
        assert.match(await heard(said), /^Incorrecta: Eso no sale\. Recorre el listado/);
        assert.ok(await question.locator('text=Ver la respuesta').isVisible());
        await field.fill(' 6   3 ');
        await field.press('Enter');
        assert.match(await heard(said), /^Correcta: Sí\./);
        assert.equal(await question.locator('text=Ver la respuesta').isVisible(), false);
        await page.reload();
        assert.match(await heard(said), /^Correcta: Sí\./, 'no se recuerda lo contestado');
        await question.locator('.olvidar').click();
        assert.equal(await heard(said), '');
        assert.equal(await field.inputValue(), '');
        for (const wrong of ['1', '2']) {
            await field.fill(wrong);
            await question.locator('text=Comprobar').click();
        }
        await question.locator('text=Ver la respuesta').click();
        assert.match(await heard(said), /^Sale esto: 6 3 Sí\./);
        assert.equal(await question.evaluate(it => it.classList.contains('acertada')), false);
        assert.deepEqual(troubles, []);
        await close();
    });

    test('lo desordenado se ordena con el teclado, y dice qué no está en su sitio', async () => {
        const {page, troubles, close} = await open(`${site.url}antes_de_empezar.html`);
        const question = page.locator('#p-antes-camino');
        const texts = async () => (await question.locator('.pieza .texto').allTextContents()).map(text => text.trim());
        const said = question.locator('.aviso');
        const right = await question.locator('.solucion > li').evaluateAll(items =>
            items.map(item => item.firstChild.textContent.trim()));
        const first = await texts();
        assert.notDeepEqual(first, right, 'ya está en orden');
        assert.deepEqual([...first].sort(), [...right].sort());
        await question.locator('text=Comprobar').click();
        const place = first.findIndex((text, place) => text !== right[place]);
        assert.match(await heard(said), new RegExp(`^Incorrecta: .*«${first[place]}» no va en el puesto ${place + 1}`));
        const label = await question.locator('.mover').nth(1).getAttribute('aria-label');
        assert.equal(label, `Bajar «${first[0]}»`);
        for (const [place, text] of right.entries()) {
            for (let now = (await texts()).indexOf(text); now > place; now -= 1) {
                await question.getByLabel(`Subir «${text}»`).focus();
                await page.keyboard.press(now % 2 ? 'ArrowUp' : 'Enter');
                const label = await page.evaluate(() => document.activeElement.getAttribute('aria-label'));
                assert.equal(label, `Subir «${text}»`, 'el foco sigue a lo que se mueve');
                assert.equal(await heard(said), `«${text}», en el puesto ${now} de ${right.length}`);
            }
        }
        assert.deepEqual(await texts(), right);
        assert.equal(await question.locator('.razon:visible').count(), 0, 'no se descubre sin comprobarlo');
        await question.locator('text=Comprobar').click();
        assert.match(await heard(said), /^Correcta: /);
        assert.equal(await question.locator('.razon:visible').count(), right.length);
        await page.reload();
        assert.match(await heard(said), /^Correcta: /, 'no se recuerda lo contestado');
        await question.locator('.olvidar').click();
        assert.deepEqual(await texts(), first);
        await page.reload();
        assert.deepEqual(await texts(), first, 'no se olvidó');
        assert.deepEqual(troubles, []);
        await close();
    });

    test('la línea del fallo se señala con el teclado, y cada una dice por qué', async () => {
        const {page, troubles, close} = await open(`${site.url}antes_de_empezar.html`,
            {permissions: ['clipboard-read', 'clipboard-write']});
        const question = page.locator('#p-antes-eco');
        const said = question.locator('.aviso');
        const line = text => question.locator('button.renglon').filter({hasText: text});
        const options = await question.locator('.solucion > li').count();
        assert.equal(await question.locator('button.renglon').count(), options);
        await line('loop').focus();
        await page.keyboard.press('Enter');
        assert.match(await heard(said), /^Incorrecta: loop \{ Dar vueltas está bien/);
        await line('client.read').focus();
        await page.keyboard.press(' ');
        assert.match(await heard(said), /Correcta: let count.*Sí: nadie mira/);
        assert.equal(await line('client.read').getAttribute('aria-pressed'), 'true');
        await page.reload();
        assert.match(await heard(said), /Correcta: let count/, 'no se recuerda lo contestado');
        await question.locator('.clip-button').focus();
        await page.keyboard.press('Enter');
        await question.locator('.tooltipped').waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        assert.match(copied, /^fn echo.*\n    let mut buffer.*\n    loop \{\n/);
        await question.locator('.olvidar').click();
        assert.equal(await heard(said), '');
        assert.deepEqual(troubles, []);
        await close();
    });

    // Una página a la que se le añade algo al final del capítulo, antes de que llegue al navegador.
    async function openWith(extra, options) {
        const opened = await open('about:blank', options);
        await opened.page.route('**/ejercicios.html', async route => {
            const response = await route.fetch();
            await route.fulfill({response, body: (await response.text()).replace('</main>', `${extra}</main>`)});
        });
        await visit(opened.page, `${site.url}ejercicios.html`);
        return opened;
    }

    test('de lo que cambia un paso se oye qué es nuevo, y se copia solo eso', async () => {
        const steps = readFileSync(`${BOOK}src/pasos/02_03_2.md`, 'utf8');
        const {page, troubles, close} = await openWith(steps, {permissions: ['clipboard-read', 'clipboard-write']});
        const listing = page.locator('pre.cambios').filter({hasText: 'struct Client'}).first();
        assert.match(await listing.ariaSnapshot(), /insertion: .*Nueva: input: Vec<u8>/);
        const added = listing.locator('ins').first();
        assert.equal(await added.locator('.hljs-built_in').count(), 2, 'sin colores');
        const sign = await added.evaluate(line => getComputedStyle(line, '::before').content);
        assert.match(sign, /^"\+"/);
        assert.deepEqual(await inaccessible(page, {}), []);

        const changed = page.locator('pre.cambios').filter({hasText: 'fn on_readable'});
        await changed.locator('.clip-button').focus();
        await page.keyboard.press('Enter');
        await changed.locator('.tooltipped').waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        const expected = await changed.locator('code').evaluate(code => {
            const copy = code.cloneNode(true);
            copy.querySelectorAll('del').forEach(line => line.remove());
            return copy.textContent;
        });
        assert.ok(await changed.locator('del').count() > 0);
        assert.equal(copied.trim(), expected.trim());
        assert.deepEqual(troubles, []);
        await close();
    });

    test('Python y Rust van uno al lado del otro si caben, y si no uno debajo del otro', async () => {
        const block = language => `<pre><code class="language-${language}">x = 1\n</code></pre>`;
        const pair = `<div class="dos-lenguajes">${block('python')}${block('rust')}</div>`;
        for (const [width, columns] of [[1680, true], [COLUMNS.width, true], [COLUMNS.width - 1, false], [1280, false], [390, false]]) {
            const {page, close} = await openWith(pair, {width: {width, height: 800}});
            const [python, rust] = await page.$$eval('.dos-lenguajes > pre', blocks =>
                blocks.map(block => block.getBoundingClientRect().toJSON()));
            assert.equal(python.top === rust.top && python.right < rust.left, columns, `${width} píxeles`);
            assert.deepEqual(await sideways(page), [], `${width} píxeles`);
            const titles = await page.$$eval('.dos-lenguajes > pre', blocks =>
                blocks.map(block => getComputedStyle(block, '::before').content));
            assert.deepEqual(titles, ['"En Python"', '"En Rust"']);
            await close();
        }
    });

    test('un enlace a un paso lo abre en la ventana de su capítulo, y la pone a la vista', async () => {
        const {page, troubles, close} = await open(`${site.url}autopsia.html`);
        const links = await page.locator('a[target^="ventana-"]').all();
        assert.ok(links.length > 3, `solo ${links.length} enlaces`);
        for (const link of links) {
            const [title, target] = await Promise.all(['title', 'target'].map(name => link.getAttribute(name)));
            await link.click();
            const shown = page.locator(`iframe[name="${target}"]`);
            await shown.contentFrame().locator('.dicho').filter({hasText: title}).waitFor();
            const {top, bottom, height} = await shown.evaluate(frame => {
                const {top, bottom} = frame.getBoundingClientRect();
                return {top, bottom, height: innerHeight};
            });
            assert.ok(top >= 0 && bottom <= height + 1, `${target}: de ${top} a ${bottom}, en ${height}`);
        }
        assert.deepEqual(troubles, []);
        await close();
    });

    test('el botón de copiar copia el listado', async () => {
        const {page, close} = await open(`${site.url}ejercicios.html`,
            {permissions: ['clipboard-read', 'clipboard-write']});
        const block = page.locator('main pre').first();
        await block.locator('.clip-button').focus();
        await page.keyboard.press('Enter');
        await block.locator('.tooltipped').waitFor();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        assert.equal(copied.trim(), (await block.locator('code').innerText()).trim());
        await close();
    });

    test('se pasa de un capítulo a otro y se vuelve', async () => {
        // El enlace de cada página lleva a la siguiente del índice…
        const {page, close} = await open(pages[0]);
        const links = await page.evaluate(pages => Promise.all(pages.map(async address => {
            const html = await (await fetch(address)).text();
            const parsed = new DOMParser().parseFromString(html, 'text/html');
            const follow = rel => [...new Set([...parsed.querySelectorAll(`a[rel~=${rel}]`)]
                .map(link => new URL(link.getAttribute('href'), address).href))];
            return {prev: follow('prev'), next: follow('next')};
        })), pages);
        for (const [place, {prev, next}] of links.entries()) {
            assert.deepEqual(prev, pages.slice(0, place).slice(-1), pages[place]);
            assert.deepEqual(next, pages.slice(place + 1, place + 2), pages[place]);
        }
        // …y se sigue con el ratón y con las flechas.
        await page.goto(pages[1]);
        await page.locator('a[rel~=next]:visible').click();
        await page.waitForURL(pages[2]);
        await page.keyboard.press('ArrowLeft');
        await page.waitForURL(pages[1]);
        await page.keyboard.press('ArrowRight');
        await page.waitForURL(pages[2]);
        await close();
    });

    test('con el tabulador, lo primero es saltar al contenido, y siempre se ve dónde se está', async () => {
        const {page, close} = await open(`${site.url}02_02.html`);
        const focused = () => page.evaluate(() => {
            const {outlineStyle, outlineWidth} = getComputedStyle(document.activeElement);
            const {top, width} = document.activeElement.getBoundingClientRect();
            return {
                text: document.activeElement.textContent,
                html: document.activeElement.outerHTML.slice(0, 80),
                inMain: document.activeElement.closest('main') !== null,
                seen: top >= 0 && top < window.innerHeight && width > 0 && outlineStyle !== 'none' && parseFloat(outlineWidth) > 0,
            };
        });
        await page.keyboard.press('Tab');
        assert.equal((await focused()).text, 'Saltar al contenido');
        assert.ok((await focused()).seen);
        const unseen = [];
        for (let step = 0; step < 45; step += 1) {
            await page.keyboard.press('Tab');
            const {seen, html} = await focused();
            unseen.push(...(seen ? [] : [html]));
        }
        assert.deepEqual(unseen, []);
        await page.goto(`${site.url}02_03.html`);
        await page.keyboard.press('Tab');
        await page.keyboard.press('Enter');
        await page.keyboard.press('Tab');
        assert.ok((await focused()).inMain, (await focused()).html);
        await close();
    });

    test('sin JavaScript, lo que se lee se distingue del fondo', async () => {
        const {page, close} = await open(`${site.url}02_02.html`, {javaScriptEnabled: false});
        for (const block of ['code.language-console', 'code.language-text', 'code.language-rust']) {
            const [ink, paper] = await page.locator(`main pre > ${block}`).first().evaluate(element =>
                [getComputedStyle(element).color, getComputedStyle(element).backgroundColor]
                    .map(color => color.match(/\d+/g).map(Number)));
            const [one, other] = [ink, paper].map(([red, green, blue]) => red + green + blue);
            assert.ok(paper[3] !== 0 && Math.abs(one - other) > 380, `${block}: ${ink} sobre ${paper}`);
        }
        await close();
    });

    test('el índice y los temas se manejan con el teclado', async () => {
        const {page, close} = await open(site.url);
        const visible = () => page.$eval('html', html => html.classList.contains('sidebar-visible'));
        assert.equal(await visible(), true);
        await page.locator('#mdbook-sidebar-toggle').focus();
        await page.keyboard.press('Enter');
        assert.equal(await visible(), false);
        await page.locator('#mdbook-theme-toggle').focus();
        await page.keyboard.press('Enter');
        const themes = page.locator('#mdbook-theme-list button:visible');
        assert.deepEqual(await themes.allTextContents(), ['Automático', 'Claro', 'Oscuro']);
        await themes.last().click();
        assert.ok(await page.$eval('html', html => html.classList.contains('navy')));
        await close();
    });
});
