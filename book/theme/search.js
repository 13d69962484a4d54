// El buscador, en español.
//
// mdBook prepara su índice para el inglés: quita finales ingleses, y no encuentra «conexión» si se
// escribe sin tilde. De ese archivo se toman aquí los textos, y con ellos se hace otro índice en el
// navegador, la primera vez que se busca. La caja es la de la página; lo que la movía se sustituye.
'use strict';

window.search = window.search || {};

(function spanishSearch() {
    // Palabras que están en todas partes y no distinguen una página de otra.
    const STOP_WORDS = new Set((
        'a al algo ante antes aqui asi aun aunque cada como con contra cual cuando de del desde donde ' +
        'dos e el ella ellas ello ellos en entonces entre era eran es esa esas ese eso esos esta ' +
        'estan estas este esto estos fue ha han hasta hay la las le les lo los mas me mi mientras muy ' +
        'ni no nos o otra otras otro otros para pero por porque pues que quien se sea ser si sin ' +
        'sino sobre solo son su sus tambien tan te tiene todo todos tu tus u un una unas uno unos ' +
        'va y ya yo').split(' '));
    const WORD = /[\p{L}\p{N}_]+/gu;
    const MARK = 'marca';
    const SEARCH = 'busca';
    const MAX_RESULTS = 30;
    const MAX_MENTIONS = 4;
    const TEASER = 220;
    // Quien busca un término quiere primero lo que significa, después dónde se explica y al final dónde
    // se practica.
    const GLOSSARY = 24;
    const EXERCISES = 0.7;
    const SHORTEST_MISTAKE = 4;

    function lower(text) {
        return text.normalize('NFC').toLowerCase();
    }

    // Sin tildes ni diéresis y en minúsculas; la eñe es otra letra, y se queda.
    function fold(text) {
        return lower(text).replace(/[áàâä]/g, 'a').replace(/[éèêë]/g, 'e')
            .replace(/[íìîï]/g, 'i').replace(/[óòôö]/g, 'o').replace(/[úùûü]/g, 'u');
    }

    // La raíz ligera de J. Savoy para el español (la de Lucene): quita género y número, y nada más.
    // Aquella deja como están las palabras de cuatro letras; esta no, para que «hilos» encuentre
    // «hilo». Recibe una palabra ya sin tildes.
    function stem(word) {
        if (word.length < 4) {
            return word;
        }
        if (/[oae]$/.test(word)) {
            return word.slice(0, -1);
        }
        if (word.endsWith('eses')) {
            return word.slice(0, -2);
        }
        if (word.endsWith('ces')) {
            return word.slice(0, -3) + 'z';
        }
        return /[oae]s$/.test(word) ? word.slice(0, -2) : word;
    }

    // Las palabras de un texto: como están escritas y su raíz. `epoll_wait` es una, y son dos.
    function* tokens(text) {
        for (const word of lower(text).match(WORD) || []) {
            const parts = word.includes('_') ? [word, ...word.split('_').filter(Boolean)] : [word];
            for (const written of parts) {
                const folded = fold(written);
                if (!STOP_WORDS.has(folded)) {
                    yield {written, root: stem(folded)};
                }
            }
        }
    }

    // ——— El índice

    class Index {
        constructor({doc_urls: urls, index}, glossary) {
            // Del glosario, cada término por su cuenta y no la página entera.
            const sections = Object.values(index.documentStore.docs)
                .map(page => ({...page, url: urls[page.id]}))
                .filter(({url}) => glossary.length === 0 || !url.startsWith('glosario.html'));
            this.pages = [...sections, ...glossary.map(definition)];
            this.postings = new Map();
            sections.forEach((page, number) => {
                this.add(number, page.body, 1, MAX_MENTIONS);
                this.add(number, page.title, 8);
                this.add(number, page.breadcrumbs, 2);
            });
            glossary.forEach(({spanish, english, meaning}, place) => {
                const symbols = (meaning.match(/\b[A-Z][A-Z_]+\b/g) || []).join(' ');
                for (const name of [spanish, english, symbols]) {
                    // Quien busca «conexión» no busca, sin más, «reinicio de la conexión».
                    this.add(sections.length + place, name, GLOSSARY / [...tokens(name)].length, GLOSSARY);
                }
                this.add(sections.length + place, meaning, 1, 1);
            });
        }

        // Lo que pase de `limit` no suma: una gráfica que dice «conexiones» cien veces no explica qué
        // es una. A igual cuenta, van por su orden en el libro.
        add(number, text, weight, limit = Infinity) {
            for (const {root, written} of tokens(text)) {
                const {pages, forms} = this.postings.get(root) || {pages: new Map(), forms: new Set()};
                const before = pages.get(number) || 0;
                pages.set(number, before < limit ? before + weight : before);
                forms.add(written);
                this.postings.set(root, {pages, forms});
            }
        }

        // Cuánto vale cada página para una palabra. Repetirla cuenta cada vez menos, y cuenta más la
        // que está en pocas páginas.
        scores(term) {
            const scores = new Map();
            for (const [root, {pages, forms}] of this.postings) {
                const closeness = term.match(root, forms);
                if (closeness > 0) {
                    const rarity = Math.log(1 + this.pages.length / pages.size);
                    for (const [number, weight] of pages) {
                        const value = closeness * rarity * Math.log2(1 + weight);
                        scores.set(number, Math.max(scores.get(number) || 0, value));
                    }
                }
            }
            return scores;
        }

        // La palabra del libro que más se parece a una que no está, o nada.
        nearest(word) {
            let best = {count: 0};
            for (const {pages, forms} of this.postings.values()) {
                const form = [...forms].find(form => isOneSlipAway(fold(form), fold(word)));
                if (form && pages.size > best.count) {
                    best = {form, count: pages.size};
                }
            }
            return best.form;
        }

        // Las páginas que tienen todas las palabras; si no hay ninguna, las que tienen alguna.
        search(terms) {
            const all = terms.map(term => this.scores(term));
            const total = new Map();
            for (const scores of all) {
                for (const [number, value] of scores) {
                    const {sum, hits} = total.get(number) || {sum: 0, hits: 0};
                    total.set(number, {sum: sum + value, hits: hits + 1});
                }
            }
            const worth = ([number, {sum}]) => sum * (this.pages[number].url.startsWith('ejercicios/') ? EXERCISES : 1);
            const ranked = [...total].sort((one, other) => worth(other) - worth(one));
            const complete = ranked.filter(([, {hits}]) => hits === terms.length);
            return (complete.length ? complete : ranked).map(([number]) => this.pages[number]);
        }
    }

    // Una fila del glosario, como si fuera una página; lleva a donde se explica.
    function definition({spanish, english, address, meaning}) {
        const title = english === spanish ? spanish : `${spanish} (${english})`;
        return {title, breadcrumbs: `Glosario » ${title}`, body: meaning, url: address};
    }

    // ¿Se pasa de una a otra con una letra de más, de menos, cambiada o a destiempo?
    function isOneSlipAway(one, other) {
        let same = 0;
        while (same < one.length && one[same] === other[same]) {
            same += 1;
        }
        const [left, right] = [one.slice(same), other.slice(same)];
        return left !== right && (left.slice(1) === right.slice(1) || left === right.slice(1) || left.slice(1) === right
            || (left[0] === right[1] && left[1] === right[0] && left.slice(2) === right.slice(2)));
    }

    // Lo que se busca. La última palabra, mientras se escribe, vale por las que empiezan así; con
    // sus tildes, si las lleva.
    function parse(query) {
        const words = lower(query).match(WORD) || [];
        const telling = words.filter(word => !STOP_WORDS.has(fold(word)));
        const wanted = telling.length ? telling : words.slice(-1);
        const open = !/\s$/.test(query);
        return wanted.map((written, place) => {
            const folded = fold(written);
            const root = stem(folded);
            const prefix = open && place === wanted.length - 1;
            // «í» es el principio de «índice», y no el de «if» ni la letra «i».
            const strict = prefix && written !== folded && folded.length < 4;
            const starts = written === folded
                ? other => other.startsWith(folded)
                : (_, forms) => [...forms].some(form => form.startsWith(written));
            return {
                match: (other, forms) => other === root && !strict ? 1
                    : prefix && starts(other, forms) ? 0.5 : 0,
            };
        });
    }

    function isWanted(word, terms) {
        return [...tokens(word)].some(({root, written}) =>
            terms.some(term => term.match(root, [written]) > 0));
    }

    // ——— La página

    function fresh(id) {
        const old = document.getElementById(id);
        const copy = old.cloneNode(true);
        old.replaceWith(copy);
        return copy;
    }

    if (!document.getElementById('mdbook-searchbar')) {
        return;
    }
    const button = fresh('mdbook-search-toggle');
    const form = fresh('mdbook-searchbar-outer');
    const wrapper = document.getElementById('mdbook-search-wrapper');
    const box = document.getElementById('mdbook-searchbar');
    const panel = document.getElementById('mdbook-searchresults-outer');
    const header = document.getElementById('mdbook-searchresults-header');
    const list = document.getElementById('mdbook-searchresults');
    let index = null;

    box.setAttribute('aria-label', 'Busca en el libro');
    box.setAttribute('aria-describedby', header.id);
    box.autocomplete = 'off';
    box.spellcheck = false;
    header.setAttribute('role', 'status');
    form.setAttribute('role', 'search');

    function loadIndex() {
        if (document.getElementById('indice-del-buscador')) {
            return;
        }
        form.classList.add('searching');
        const script = document.createElement('script');
        script.id = 'indice-del-buscador';
        script.src = window.path_to_searchindex_js || path_to_root + 'searchindex.js';
        script.onload = () => {
            index = new Index(window.search, window.glosario || []);
            form.classList.remove('searching');
            update();
        };
        script.onerror = () => {
            form.classList.remove('searching');
            panel.classList.remove('hidden');
            header.textContent = 'No se pudo leer el índice del buscador. Vuelve a construir el libro.';
        };
        document.head.append(script);
    }

    function open() {
        loadIndex();
        wrapper.classList.remove('hidden');
        button.setAttribute('aria-expanded', 'true');
        window.scrollTo(0, 0);
        box.focus();
        box.select();
    }

    function close() {
        wrapper.classList.add('hidden');
        button.setAttribute('aria-expanded', 'false');
        remember('');
        button.focus();
    }

    function isOpen() {
        return !wrapper.classList.contains('hidden');
    }

    function update() {
        const query = box.value;
        remember(query.trim());
        list.replaceChildren();
        let terms = parse(query);
        panel.classList.toggle('hidden', terms.length === 0 || index === null);
        if (terms.length === 0 || index === null) {
            return;
        }
        let found = index.search(terms).slice(0, MAX_RESULTS);
        if (found.length === 0) {
            // Quizá la tilde está de más.
            terms = parse(fold(query));
            found = index.search(terms).slice(0, MAX_RESULTS);
        }
        header.textContent = count(found.length, query.trim());
        if (found.length === 0) {
            header.append(...suggestion(query));
        }
        list.append(...found.map(page => item(page, terms, query.trim())));
    }

    // Lo mismo, con cada palabra que no está cambiada por la que más se le parece.
    function suggestion(query) {
        const corrected = query.trim().replace(WORD, word =>
            word.length < SHORTEST_MISTAKE || STOP_WORDS.has(fold(word)) ? word : index.nearest(word) || word);
        if (corrected === query.trim()) {
            return [];
        }
        const retry = document.createElement('button');
        retry.type = 'button';
        retry.className = 'sugerencia';
        retry.textContent = corrected;
        retry.addEventListener('click', () => {
            box.value = corrected + ' ';
            box.focus();
            update();
        });
        return ['. ¿Querías decir «', retry, '»?'];
    }

    function count(number, query) {
        const what = number === 0 ? 'Ningún resultado' : number === 1 ? '1 resultado'
            : number === MAX_RESULTS ? `Los ${number} primeros resultados` : `${number} resultados`;
        return `${what} para «${query}»`;
    }

    function item(page, terms, query) {
        const entry = document.createElement('li');
        const link = document.createElement('a');
        const [file, anchor] = page.url.split('#');
        link.href = path_to_root + file + '?' + MARK + '=' + encodeURIComponent(query)
            + (anchor ? '#' + anchor : '');
        link.textContent = page.breadcrumbs;
        const teaser = document.createElement('span');
        teaser.className = 'teaser';
        teaser.append(...highlighted(excerpt(page.body, terms), terms, 'em'));
        entry.append(link, teaser);
        return entry;
    }

    // El trozo del texto que rodea a la primera palabra buscada.
    function excerpt(text, terms) {
        const first = [...text.matchAll(WORD)].find(([word]) => isWanted(word, terms));
        const middle = first ? first.index : 0;
        const start = middle < TEASER / 3 ? 0 : text.indexOf(' ', middle - TEASER / 3) + 1;
        const piece = text.slice(start, start + TEASER);
        return (start > 0 ? '… ' : '') + piece + (start + TEASER < text.length ? '…' : '');
    }

    function highlighted(text, terms, tag) {
        const nodes = [];
        let last = 0;
        for (const match of text.matchAll(WORD)) {
            if (isWanted(match[0], terms)) {
                const mark = document.createElement(tag);
                mark.textContent = match[0];
                nodes.push(text.slice(last, match.index), mark);
                last = match.index + match[0].length;
            }
        }
        nodes.push(text.slice(last));
        return nodes;
    }

    // Lo buscado se queda en la dirección, para que «atrás» vuelva a los resultados.
    function remember(query) {
        const address = new URL(window.location);
        address.searchParams.delete(MARK);
        address.searchParams.delete(SEARCH);
        if (query) {
            address.searchParams.set(SEARCH, query);
        }
        try {
            history.replaceState(null, '', address);
        } catch {
            // Un archivo abierto sin servidor puede no permitirlo; no hace falta para buscar.
        }
    }

    // Señala en la página lo que se buscó; se quita al hacer clic en cualquiera.
    function markPage(query) {
        const terms = parse(query + ' ');
        const main = document.querySelector('main');
        const walker = document.createTreeWalker(main, NodeFilter.SHOW_TEXT, node =>
            node.parentElement.closest('svg, script, style, button')
                ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
        const texts = [];
        while (walker.nextNode()) {
            texts.push(walker.currentNode);
        }
        for (const text of texts) {
            const nodes = highlighted(text.data, terms, 'mark');
            if (nodes.length > 1) {
                text.replaceWith(...nodes);
            }
        }
        main.addEventListener('click', event => {
            if (event.target.matches('mark')) {
                main.querySelectorAll('mark').forEach(mark => mark.replaceWith(mark.textContent));
            }
        });
    }

    function isWriting(event) {
        return /^(?:input|select|textarea)$/i.test(event.target.nodeName);
    }

    // Antes que los de mdBook, que buscan en su índice.
    document.addEventListener('keydown', event => {
        if (event.altKey || event.ctrlKey || event.metaKey) {
            return;
        }
        const links = [...panel.querySelectorAll('.sugerencia, li a')];
        const place = links.indexOf(document.activeElement);
        const inside = event.target === box || place >= 0;
        let act = null;
        if (!isWriting(event) && (event.key === '/' || event.key === 's')) {
            act = open;
        } else if (event.key === 'Escape' && isOpen()) {
            act = close;
        } else if (inside && event.key === 'ArrowDown') {
            act = () => links[Math.min(place + 1, links.length - 1)]?.focus();
        } else if (place >= 0 && event.key === 'ArrowUp') {
            act = () => (links[place - 1] || box).focus();
        } else if (event.target === box && event.key === 'Enter') {
            act = () => links[0]?.click();
        }
        if (act) {
            event.preventDefault();
            event.stopImmediatePropagation();
            act();
        }
    }, true);
    button.addEventListener('click', () => isOpen() ? close() : open());
    box.addEventListener('input', update);
    form.addEventListener('submit', event => event.preventDefault());
    window.onpopstate = null;
    window.search.hasFocus = () => document.activeElement === box;

    const asked = new URLSearchParams(window.location.search);
    if (asked.get(SEARCH)) {
        box.value = asked.get(SEARCH);
        open();
    }
    if (asked.get(MARK)) {
        markPage(asked.get(MARK));
    }
})();
