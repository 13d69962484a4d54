// La frase: qué pasa en este paso, y por qué.
'use strict';

const sentence = (() => {
    const {element} = text;
    // Las demás frases de un paso, como los descriptores listos: más no se leen.
    const MOST = 5;
    const LONG = 70;

    function lengthOf({kind, record}) {
        return kind === 'call' && record.took >= 1000 ? ` · duró ${text.duration(record.took)}` : '';
    }

    function gap(count) {
        return element('p', 'falta', count === 1 ? 'Antes de este paso falta 1 llamada, que no se guardó.'
            : `Antes de este paso faltan ${text.number(count)} llamadas, que no se guardaron.`);
    }

    function sentence(root) {
        const where = root.querySelector('.donde');
        const said = root.querySelector('.dicho');

        function empty(live) {
            where.textContent = 'Ningún paso';
            said.replaceChildren(element('p', 'frase', live ? 'A la espera de que el programa pida algo al núcleo.'
                : 'Esta grabación está vacía: el programa no pidió nada a ningún socket.'));
        }

        function trouble(words) {
            where.textContent = '';
            said.replaceChildren(element('p', 'frase', words));
        }

        function show(recording, place) {
            const step = recording.steps[place];
            const [first, ...rest] = recording.say(step);
            const more = rest.length - MOST;
            const threads = recording.threads.length > 1 ? ` · hilo ${step.thread}` : '';
            where.textContent = `Paso ${text.number(place + 1)} de ${text.number(recording.length)}`
                + ` · ${text.instant(step.us)}${threads}${lengthOf(step)}`;
            said.replaceChildren(...[
                step.omitted > 0 && gap(step.omitted),
                element('p', first.length > LONG ? 'frase larga' : 'frase', first),
                rest.length > 0 && element('ul', 'detalles', ...rest.slice(0, MOST).map(each => element('li', '', each)),
                    more > 0 && element('li', '', `y ${text.number(more)} más`)),
                step.kind !== 'asleep' && step.record.why && element('p', 'porque', step.record.why),
            ].filter(Boolean));
        }

        // Mientras se reproduce no se lee en voz alta: no daría tiempo.
        const quiet = isQuiet => said.setAttribute('aria-live', isQuiet ? 'off' : 'polite');

        return {show, empty, trouble, quiet};
    }

    return sentence;
})();
