// Una página del libro: abrirla anotando lo que va mal, y lo que se mira en cualquiera.

import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';

// Para lo que no llega nunca: en una máquina ocupada, una página con sus ventanas tarda en abrirse.
export const LIMIT = 60_000;
export const NARROW = {width: 390, height: 800};
export const WIDE = {width: 1280, height: 900};

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// Una página nueva, que anota lo que vaya mal.
export async function open(browser, site, address, {width = WIDE, scheme = 'light', ...more} = {}) {
    const context = await browser.newContext({viewport: width, colorScheme: scheme, ...more});
    context.setDefaultTimeout(LIMIT);
    const page = await context.newPage();
    const troubles = [];
    page.on('console', message => message.type() === 'error' && troubles.push(message.text()));
    page.on('pageerror', error => troubles.push(error.message));
    page.on('requestfailed', request => {
        const {errorText} = request.failure();
        // Lo que aún se pedía al pasar a otra página se abandona: no es un fallo.
        if (errorText !== 'net::ERR_ABORTED') {
            troubles.push(`${request.url()}: ${errorText}`);
        }
    });
    page.on('response', response =>
        response.status() >= 400 && troubles.push(`${response.url()}: ${response.status()}`));
    page.on('request', request => {
        const scheme = new URL(request.url()).protocol;
        if (!request.url().startsWith(site.url) && !['data:', 'blob:', 'file:'].includes(scheme)) {
            troubles.push(`petición fuera del libro: ${request.url()}`);
        }
    });
    await visit(page, address);
    return {page, troubles, close: () => context.close()};
}

// Lo que prometa `work`, si no tarda más que LIMIT; si tarda, qué era lo que no llegaba.
async function soon(what, work) {
    let late;
    const limit = new Promise((_, reject) => {
        late = setTimeout(() => reject(new Error(`en ${LIMIT / 1000} s no acabó: ${what}`)), LIMIT);
    });
    return Promise.race([work, limit]).finally(() => clearTimeout(late));
}

// Va a una página, y espera también a su letra: lo que cabe depende de ella.
export async function visit(page, address) {
    await page.goto(address, {waitUntil: 'load'});
    await soon(`las letras de ${address}`, page.evaluate(() => document.fonts.ready.then(() => {})));
}

// Lo que se desplaza de lado. Los listados, las tablas y las gráficas pueden; la página, no.
export function sideways(page) {
    return page.evaluate(() => {
        window.scrollTo(10_000, 0);
        const wide = [...document.querySelectorAll('html, body *')].filter(element =>
            element.scrollWidth > element.clientWidth + 1
            && !element.matches('pre > code, .table-wrapper, figure')
            && (element === document.documentElement
                || ['auto', 'scroll'].includes(getComputedStyle(element).overflowX)));
        return [...wide.map(element => element.outerHTML.slice(0, 80)), ...(window.scrollX ? ['la ventana'] : [])];
    });
}

// Los fallos graves de accesibilidad, de lo que diga `rules`, en toda la página o dentro de `within`.
export async function faults(page, rules, within = 'html') {
    await page.evaluate(AXE);
    // De lo que cumple no se pide cuenta: encontrar cómo se nombra cada elemento es lo que más tarda.
    const options = {...rules, resultTypes: ['violations']};
    const {violations} = await soon(`la accesibilidad de ${page.url()}`,
        page.evaluate(([within, options]) => window.axe.run(within, options), [within, options]));
    const serious = violations.filter(({impact}) => ['serious', 'critical'].includes(impact));
    return serious.map(({id, nodes}) =>
        `${page.url()}: ${id}: ${nodes.map(node => node.html).slice(0, 3).join(' | ')}`);
}
