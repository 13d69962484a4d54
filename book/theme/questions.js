// «Comprueba lo que sabes»: convierte cada pregunta del capítulo en una que se contesta.
//
// Sin este archivo, o en papel, se leen las opciones, la buena marcada y las razones de todas. Con
// él, cada opción es un botón que enseña su razón al pulsarlo, y el navegador recuerda lo pulsado.
'use strict';

(function questions() {
    const STORE = 'multiplexacion-preguntas';

    function recall() {
        try {
            return JSON.parse(localStorage.getItem(STORE)) || {};
        } catch {
            return {};
        }
    }

    function remember(id, chosen) {
        const all = recall();
        if (chosen.length) {
            all[id] = chosen;
        } else {
            delete all[id];
        }
        try {
            localStorage.setItem(STORE, JSON.stringify(all));
        } catch {
            // Sin permiso para guardar, la pregunta funciona igual; solo no se recuerda.
        }
    }

    function element(tag, className, ...children) {
        const created = document.createElement(tag);
        created.className = className;
        created.append(...children);
        return created;
    }

    // Una opción del capítulo: la casilla, el texto y, en una cita, su razón.
    function option(item) {
        const check = item.querySelector('input[type=checkbox]');
        const quote = item.querySelector('blockquote');
        const right = check.checked;
        check.remove();
        quote.remove();
        item.querySelectorAll('.buttons').forEach(buttons => buttons.remove());
        const reason = element('div', 'razon', ...quote.childNodes);
        reason.hidden = true;
        reason.setAttribute('role', 'status');
        const verdict = element('span', 'veredicto');
        const button = element('button', 'opcion', verdict, element('span', 'texto', ...item.childNodes));
        button.type = 'button';
        button.setAttribute('aria-pressed', 'false');
        item.className = right ? 'buena' : 'mala';
        item.replaceChildren(button, reason);
        return {right, button, reason, verdict};
    }

    function show({right, button, reason, verdict}, visible) {
        button.setAttribute('aria-pressed', String(visible));
        button.parentElement.classList.toggle('vista', visible);
        verdict.textContent = !visible ? '' : right ? 'Correcta: ' : 'Incorrecta: ';
        reason.hidden = !visible;
    }

    function upgrade(question) {
        const list = question.querySelector('ul:has(> li input[type=checkbox])');
        const title = question.querySelector('p');
        title.id = question.id + '-pregunta';
        list.className = 'opciones';
        list.setAttribute('aria-labelledby', title.id);
        const options = [...list.children].map(option);
        const reset = element('button', 'olvidar', 'Empezar de nuevo');
        reset.type = 'button';
        const valid = number => Number.isInteger(number) && options[number] !== undefined;
        let chosen = [].concat(recall()[question.id] ?? []).filter(valid);

        const paint = () => {
            options.forEach((each, number) => show(each, chosen.includes(number)));
            question.classList.toggle('acertada', chosen.some(number => options[number].right));
            reset.hidden = chosen.length === 0;
        };
        options.forEach((each, number) => each.button.addEventListener('click', () => {
            if (!chosen.includes(number)) {
                chosen = [...chosen, number];
                remember(question.id, chosen);
                paint();
            }
        }));
        reset.addEventListener('click', () => {
            chosen = [];
            remember(question.id, chosen);
            paint();
            options[0].button.focus();
        });
        question.classList.add('activa');
        question.append(reset);
        paint();
    }

    // La vista para imprimir es para leer.
    if (!window.location.pathname.endsWith('print.html')) {
        document.querySelectorAll('div.pregunta').forEach(upgrade);
    }
})();
