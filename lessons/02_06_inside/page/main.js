// La página: en qué paso está, y quién lo enseña.
'use strict';

(() => {
    const PACES = {slow: 2000, normal: 1000, fast: 250, faster: 50};
    const REAL = {least: 40, most: 3000};
    // El navegador no deja cambiar la dirección a cada instante.
    const ADDRESS_EVERY = 200;

    const root = document.documentElement;
    const data = document.getElementById('grabacion');
    const recording = new model.Recording();
    const views = {
        sentence: sentence(document.querySelector('.frases')),
        code: code(document.querySelector('.codigo')),
        kernel: kernel(document.querySelector('.nucleo')),
        conversation: conversation(document.querySelector('.charla')),
    };
    const address = data.dataset.events;
    let place = 0;
    let pace = 'normal';
    let timer = null;
    let naming = null;
    let isFollowing = Boolean(address);

    const panel = controls(document.querySelector('.mandos'), {
        obey,
        go: where => go(where),
        pace: chosen => { pace = chosen; },
    });

    const clamp = where => Math.max(0, Math.min(recording.length - 1, Math.trunc(where) || 0));

    function render() {
        if (recording.length === 0) {
            views.sentence.empty(isFollowing);
            views.code.show(recording, 0);
            panel.show(recording, 0, 'ningún paso');
            return;
        }
        const step = recording.steps[place];
        views.sentence.show(recording, place);
        views.code.show(recording, place);
        views.kernel.show(recording, place, recording.at(place));
        views.conversation.show(recording, place);
        panel.show(recording, place, `paso ${place + 1} de ${recording.length}: ${recording.say(step)[0]}`);
        // Todo lo que se desplaza, al final: así el navegador mide una sola vez.
        [views.code, views.kernel, views.conversation].forEach(view => view.aim());
    }

    function go(where) {
        place = clamp(where);
        isFollowing = Boolean(address) && place === recording.length - 1;
        render();
        naming ??= setTimeout(name, ADDRESS_EVERY);
    }

    function name() {
        naming = null;
        try {
            history.replaceState(null, '', `#paso=${place + 1}`);
        } catch {
            // Dentro de otra página puede no haber dirección que cambiar.
        }
    }

    // El paso que dice la dirección, si dice alguno.
    function asked() {
        const found = location.hash.match(/^#paso=(-?\d+)$/);
        return found ? Number(found[1]) - 1 : null;
    }

    const nextOf = list => list.find(each => each > place) ?? recording.length - 1;
    const previousOf = list => list.findLast(each => each < place) ?? 0;
    // Tras el último, otra vez el primero.
    const jump = list => list.find(each => each > place) ?? list[0] ?? place;

    function obey(order) {
        if (recording.length === 0) {
            return;
        }
        if (order === 'play') {
            play(timer === null);
            return;
        }
        play(false);
        go({
            first: () => 0,
            last: () => recording.length - 1,
            back: () => place - 1,
            next: () => place + 1,
            turnBack: () => previousOf(recording.turns()),
            turnNext: () => nextOf(recording.turns()),
            partial: () => jump(recording.jumps.partial),
            closes: () => jump(recording.jumps.closes),
            fails: () => jump(recording.jumps.fails),
        }[order]());
    }

    function delay() {
        const [one, other] = [recording.steps[place], recording.steps[place + 1]];
        return PACES[pace] ?? Math.max(REAL.least, Math.min(REAL.most, (other.us - one.us) / 1000));
    }

    function play(isPlaying) {
        clearTimeout(timer);
        timer = isPlaying && place < recording.length - 1 ? setTimeout(advance, delay()) : null;
        panel.playing(timer !== null);
        views.sentence.quiet(timer !== null);
    }

    function advance() {
        go(place + 1);
        play(true);
    }

    function receive(records) {
        const wasLast = isFollowing || recording.length === 0;
        recording.append(records);
        document.querySelector('.orden').textContent = text.visible((recording.header?.command ?? []).join(' '));
        panel.measure(recording);
        place = wasLast && address ? clamp(Infinity) : clamp(place);
        views.conversation.refresh();
        render();
    }

    // La grabación que viene con la página: comprimida, si es un archivo.
    async function brought() {
        const written = data.textContent;
        if (data.dataset.form !== 'gzip') {
            return JSON.parse(written);
        }
        const packed = Uint8Array.from(atob(written.trim()), letter => letter.charCodeAt(0));
        return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'))).json();
    }

    async function load() {
        const records = await brought().catch(() => null);
        if (Array.isArray(records)) {
            start(records);
        } else {
            const excuse = typeof DecompressionStream === 'undefined' ? 'este navegador es anterior a 2023' : 'está estropeada';
            views.sentence.trouble(`No se puede abrir la grabación: ${excuse}.`);
        }
    }

    function heed() {
        if (asked() !== null && recording.length > 0) {
            play(false);
            go(asked());
        }
    }

    function start(records) {
        receive(records);
        heed();
        window.addEventListener('hashchange', heed);
        if (address) {
            const chip = document.querySelector('.vivo');
            chip.hidden = false;
            live.follow(address, {receive, tell: words => { chip.textContent = words; }});
        }
    }

    // Dentro del libro, los colores que diga el libro, que puede ser otro sitio: por eso llega como mensaje.
    function wearTheme({source, data: message}) {
        const theme = message?.theme;
        if (source === window.parent && ['light', 'dark'].includes(theme)) {
            root.dataset.theme = theme;
        }
    }

    if (window.parent !== window) {
        root.classList.add('dentro');
        window.addEventListener('message', wearTheme);
    }
    load();
})();
