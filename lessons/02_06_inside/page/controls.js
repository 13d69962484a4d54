// Los mandos: los botones, la barra, las teclas y el paso que dice la dirección.
'use strict';

const controls = (() => {
    const {svg} = text;
    const KEYS = {
        ArrowLeft: 'back', ArrowRight: 'next', ArrowUp: 'turnBack', ArrowDown: 'turnNext', Home: 'first', End: 'last', ' ': 'play',
        m: 'partial', c: 'closes', f: 'fails',
    };
    // Lo que ya hace cada cosa con esas teclas.
    const OWN = {
        'input[type=range]': ['ArrowLeft', 'ArrowRight', 'Home', 'End'],
        'input:not([type=range]), select, textarea': Object.keys(KEYS),
        'button, summary, a': [' '],
        '[tabindex="0"]': ['ArrowUp', 'ArrowDown'],
    };
    const WIDE = 1000;

    function orderOf(event) {
        if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) {
            return null;
        }
        const taken = Object.entries(OWN).some(([selector, keys]) => event.target.matches?.(selector)
            && keys.includes(event.key) && !(event.shiftKey && event.target.type === 'range'));
        // Si la página se desplaza, arriba y abajo son suyas.
        const vertical = event.key === 'ArrowUp' || event.key === 'ArrowDown';
        const scrolls = document.documentElement.scrollHeight > document.documentElement.clientHeight;
        if (taken || vertical && scrolls) {
            return null;
        }
        const order = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
        return event.shiftKey ? {back: 'turnBack', next: 'turnNext'}[order] ?? order : order;
    }

    // Dónde hay algo que buscar, bajo la barra.
    function ticks(jumps, length) {
        const spread = WIDE / Math.max(1, length - 1);
        const path = places => [...new Set(places.map(place => Math.round(place * spread)))].map(x => `M${x} 0V8`).join('');
        return ['closes', 'partial', 'fails'].map(kind => svg('path', {class: kind, d: path(jumps[kind])}));
    }

    function panel(root, {obey, go, pace}) {
        const bar = root.querySelector('input[type=range]');
        const field = root.querySelector('input[type=number]');
        const strip = root.querySelector('.marcas');
        const play = root.querySelector('[data-order=play]');
        const buttons = [...root.querySelectorAll('[data-order]')];

        buttons.forEach(button => button.addEventListener('click', () =>
            button.getAttribute('aria-disabled') !== 'true' && obey(button.dataset.order)));
        bar.addEventListener('input', () => go(Number(bar.value) - 1));
        field.addEventListener('change', () => go(Number(field.value) - 1));
        root.querySelector('select').addEventListener('change', event => pace(event.target.value));
        document.addEventListener('keydown', event => {
            const order = orderOf(event);
            if (order) {
                event.preventDefault();
                obey(order);
            }
        });

        function limit(order, isUseless) {
            buttons.filter(button => button.dataset.order === order)
                .forEach(button => button.setAttribute('aria-disabled', String(isUseless)));
        }

        // Cambió cuánto hay.
        function measure({length, jumps}) {
            bar.max = field.max = Math.max(1, length);
            strip.replaceChildren(...ticks(jumps, length));
            for (const kind of ['partial', 'closes', 'fails']) {
                root.querySelector(`[data-count=${kind}]`).textContent = text.number(jumps[kind].length);
                limit(kind, jumps[kind].length === 0);
            }
        }

        function show({length}, place, words) {
            bar.value = field.value = place + 1;
            bar.setAttribute('aria-valuetext', words);
            ['back', 'turnBack', 'first'].forEach(order => limit(order, length === 0 || place === 0));
            ['next', 'turnNext', 'last', 'play'].forEach(order => limit(order, length === 0 || place === length - 1));
        }

        function playing(isPlaying) {
            play.classList.toggle('reproduciendo', isPlaying);
            play.setAttribute('aria-label', isPlaying ? 'Detener' : 'Reproducir');
        }

        return {measure, show, playing};
    }

    return panel;
})();
