// Convierte cada pregunta del capítulo en una que se contesta: se elige, se escribe lo que sale, se pone
// en orden o se señala la línea.
//
// Sin este archivo, o en papel, se lee la pregunta con su respuesta y todas las razones. Con él, cada
// respuesta enseña su razón, y el navegador recuerda lo contestado.
'use strict';

(function questions() {
    const STORE = 'multiplexacion-preguntas';
    // Tras tantos intentos se ofrece la respuesta a quien predice una salida.
    const PATIENCE = 2;

    function recall() {
        try {
            return JSON.parse(localStorage.getItem(STORE)) || {};
        } catch {
            return {};
        }
    }

    // Lo contestado, en una lista; vacía, se olvida.
    function recalled(question, isValid) {
        return [].concat(recall()[question.id] ?? []).filter(isValid);
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

    function button(className, ...children) {
        const created = element('button', className, ...children);
        created.type = 'button';
        return created;
    }

    // Copias, sin las casillas ni los botones de copiar.
    function clones(nodes) {
        const copies = element('div', '', ...[...nodes].map(node => node.cloneNode(true)));
        copies.querySelectorAll('input, .buttons').forEach(extra => extra.remove());
        return [...copies.childNodes];
    }

    function verdict(right) {
        return right ? 'Correcta: ' : 'Incorrecta: ';
    }

    // El título, que nombra a la parte que se contesta.
    function name(question, answered) {
        const title = question.querySelector('p');
        title.id = question.id + '-pregunta';
        answered.setAttribute('aria-labelledby', title.id);
    }

    // Lo escrito en el capítulo se guarda para el papel, y delante va lo que se contesta.
    function replace(solution, ...game) {
        solution.classList.add('solucion');
        solution.before(...game);
    }

    // El botón que lo olvida todo.
    function resetButton(question, forget) {
        const reset = button('olvidar', 'Empezar de nuevo');
        reset.addEventListener('click', forget);
        question.classList.add('activa');
        question.append(reset);
        return reset;
    }

    // Donde se dice qué tal va: un lector de pantalla lo lee cuando cambia.
    function announcer() {
        const place = element('div', 'aviso');
        place.setAttribute('role', 'status');
        return place;
    }

    // Una razón, con su veredicto: `null`, si no lo hay.
    function card(right, ...contents) {
        const heard = element('span', 'veredicto', right === null ? '' : verdict(right));
        return element('div', `dicho ${right === null ? '' : right ? 'bien' : 'mal'}`, heard, ...contents);
    }

    // Las opciones de una lista del capítulo, sin tocarla: si es la buena, qué dice y por qué.
    function written(list) {
        return [...list.children].map(item => {
            const quote = item.querySelector('blockquote');
            const contents = [...item.childNodes].filter(node => node !== quote && !node.matches?.('input'));
            return {
                right: item.querySelector('input[type=checkbox]')?.checked,
                contents,
                code: item.querySelector('code')?.textContent ?? '',
                text: contents.map(node => node.textContent).join('').trim(),
                reason: [...quote.childNodes],
            };
        });
    }

    // —— Una de varias ——

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
        const heard = element('span', 'veredicto');
        const choose = button('opcion', heard, element('span', 'texto', ...item.childNodes));
        choose.setAttribute('aria-pressed', 'false');
        item.className = right ? 'buena' : 'mala';
        item.replaceChildren(choose, reason);
        return {right, choose, reason, heard};
    }

    function show({right, choose, reason, heard}, visible) {
        choose.setAttribute('aria-pressed', String(visible));
        choose.parentElement.classList.toggle('vista', visible);
        heard.textContent = visible ? verdict(right) : '';
        reason.hidden = !visible;
    }

    function askToChoose(question) {
        const list = question.querySelector('ul:has(> li input[type=checkbox])');
        list.className = 'opciones';
        name(question, list);
        const options = [...list.children].map(option);
        let chosen = recalled(question, number => Number.isInteger(number) && options[number] !== undefined);

        const reset = resetButton(question, () => {
            chosen = [];
            remember(question.id, chosen);
            paint();
            options[0].choose.focus();
        });
        const paint = () => {
            options.forEach((each, number) => show(each, chosen.includes(number)));
            question.classList.toggle('acertada', chosen.some(number => options[number].right));
            reset.hidden = chosen.length === 0;
        };
        options.forEach((each, number) => each.choose.addEventListener('click', () => {
            if (!chosen.includes(number)) {
                chosen = [...chosen, number];
                remember(question.id, chosen);
                paint();
            }
        }));
        paint();
    }

    // —— ¿Qué sale? ——

    // Un espacio, una coma o un salto de línea de más no cambian lo que se quiso decir.
    function normalised(text) {
        return text.trim().split(/[\s,;]+/).join(' ').toLowerCase();
    }

    function askForOutput(question) {
        const list = question.querySelector(':scope > ul');
        const options = written(list);
        const rows = Math.max(...options.map(({code}) => code.trim().split('\n').length));
        const field = element(rows > 1 ? 'textarea' : 'input', 'respuesta');
        Object.assign(field, {id: question.id + '-respuesta', autocomplete: 'off', spellcheck: false, ...(rows > 1 && {rows})});
        field.setAttribute('autocapitalize', 'off');
        name(question, field);
        const label = element('label', '', rows > 1 ? 'Escribe lo que sale, en varias líneas:' : 'Escribe lo que sale:');
        label.htmlFor = field.id;
        label.id = field.id + '-rotulo';
        field.setAttribute('aria-labelledby', `${question.id}-pregunta ${label.id}`);
        const check = button('accion', 'Comprobar');
        check.type = 'submit';
        const reveal = button('accion', 'Ver la respuesta');
        const form = element('form', 'contestable', label, field, element('div', 'acciones', check, reveal));
        const said = announcer();
        replace(list, form, said);
        // Lo escrito en cada intento; `null`, cuando se pidió la respuesta.
        let tries = recalled(question, text => text === null || typeof text === 'string');
        field.value = tries.findLast(text => text !== null) ?? '';

        const keep = text => {
            tries = [...tries, text];
            remember(question.id, tries);
            paint();
        };
        const reset = resetButton(question, () => {
            tries = [];
            field.value = '';
            remember(question.id, tries);
            paint();
            field.focus();
        });
        const right = options.find(each => each.right);
        const reply = text => {
            if (text === null) {
                return card(null, element('p', '', 'Sale esto:'), ...clones(right.contents), ...clones(right.reason));
            }
            const found = options.find(({code}) => normalised(code) === normalised(text));
            return found ? card(found.right, ...clones(found.reason))
                : card(false, element('p', '', 'Eso no sale. Recorre el listado línea por línea, y apunta en cada una '
                    + 'qué cambia y qué se escribe.'));
        };
        const paint = () => {
            const isRight = tries.some(text => text !== null && normalised(text) === normalised(right.code));
            said.replaceChildren(...tries.slice(-1).map(reply));
            question.classList.toggle('acertada', isRight);
            reveal.hidden = isRight || tries.length < PATIENCE || tries.includes(null);
            reset.hidden = tries.length === 0;
        };
        form.addEventListener('submit', event => {
            event.preventDefault();
            if (field.value.trim()) {
                keep(field.value);
            } else {
                said.replaceChildren(card(null, element('p', '', 'Escribe primero lo que crees que sale.')));
                field.focus();
            }
        });
        reveal.addEventListener('click', () => {
            keep(null);
            field.focus();
        });
        paint();
    }

    // —— En orden ——

    // Siempre igual para la misma pregunta, y nunca ya resuelta.
    function shuffled(count, seed) {
        let state = [...seed].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 2147483647, 7);
        const order = [...Array(count).keys()];
        for (let last = count - 1; last > 0; last -= 1) {
            state = (state * 48271) % 2147483647;
            const other = state % (last + 1);
            [order[last], order[other]] = [order[other], order[last]];
        }
        return order.every((piece, place) => piece === place) ? [...order.slice(1), order[0]] : order;
    }

    function askForOrder(question) {
        const list = question.querySelector(':scope > ol');
        const pieces = written(list);
        const rows = pieces.map((piece, number) => movable(piece, number));
        const game = element('ol', 'contestable piezas');
        name(question, game);
        const check = button('accion', 'Comprobar');
        const said = announcer();
        const hint = element('p', 'contestable pista', 'Están desordenadas. Mueve cada una con sus flechas, o con las del teclado.');
        replace(list, hint, game, element('div', 'contestable acciones', check), said);
        const initial = shuffled(pieces.length, question.id);
        // Dónde está cada pieza y, al final, si se comprobó.
        const saved = recalled(question, item => item === 'comprobado' || pieces[item] !== undefined);
        const places = saved.filter(item => item !== 'comprobado');
        let order = new Set(places).size === pieces.length ? places : initial;
        let checked = order === places && saved.includes('comprobado');

        const keep = () => {
            const untouched = !checked && order.every((piece, place) => piece === initial[place]);
            remember(question.id, untouched ? [] : [...order, ...(checked ? ['comprobado'] : [])]);
            reset.hidden = untouched;
        };
        const firstWrong = () => order.findIndex((piece, place) => piece !== place);
        const reply = () => {
            const place = firstWrong();
            if (place < 0) {
                return card(true, element('p', '', 'Sí: ese es el orden.'));
            }
            const before = place === 0 ? '' : place === 1 ? 'El primero está en su sitio. ' : `Los ${place} primeros están en su sitio. `;
            const wrong = pieces[order[place]];
            return card(false, element('p', '', `${before}«${wrong.text}» no va en el puesto ${place + 1}:`), ...clones(wrong.reason));
        };
        const paint = () => {
            const solved = checked && firstWrong() < 0;
            game.replaceChildren(...order.map(piece => rows[piece].row));
            rows.forEach(({reason, moves}) => {
                reason.hidden = !solved;
                moves.hidden = solved;
            });
            order.forEach((piece, place) => rows[piece].limit(place === 0, place === order.length - 1));
            said.replaceChildren(...(checked ? [reply()] : []));
            check.hidden = solved;
            hint.hidden = solved;
            question.classList.toggle('acertada', solved);
            keep();
        };
        const move = (piece, step, pressed) => {
            const place = order.indexOf(piece);
            const other = order[place + step];
            if (other === undefined) {
                return;
            }
            [order[place], order[place + step]] = [other, piece];
            order = [...order];
            checked = false;
            paint();
            pressed.focus();
            said.replaceChildren(element('p', 'veredicto', `«${pieces[piece].text}», en el puesto ${place + step + 1} de ${order.length}`));
        };
        const reset = resetButton(question, () => {
            order = initial;
            checked = false;
            paint();
            rows[order[0]].down.focus();
        });
        rows.forEach(({row, up, down}, piece) => {
            up.addEventListener('click', () => move(piece, -1, up));
            down.addEventListener('click', () => move(piece, 1, down));
            row.addEventListener('keydown', event => {
                const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
                if (step) {
                    event.preventDefault();
                    move(piece, step, step < 0 ? up : down);
                }
            });
        });
        check.addEventListener('click', () => {
            checked = true;
            paint();
            if (check.hidden) {
                reset.focus();
            }
        });
        paint();
    }

    // Una pieza que sube y baja.
    function movable({contents, text, reason}) {
        const up = button('mover', '↑');
        const down = button('mover', '↓');
        up.setAttribute('aria-label', `Subir «${text}»`);
        down.setAttribute('aria-label', `Bajar «${text}»`);
        const moves = element('span', 'movimientos', up, down);
        const why = element('div', 'razon', ...clones(reason));
        const row = element('li', '', element('div', 'pieza', element('span', 'texto', ...clones(contents)), moves), why);
        const limit = (isFirst, isLast) => {
            up.setAttribute('aria-disabled', String(isFirst));
            down.setAttribute('aria-disabled', String(isLast));
        };
        return {row, up, down, moves, reason: why, limit};
    }

    // —— ¿En qué línea? ——

    // Los nodos de cada línea de un listado, con sus colores.
    function splitLines(code) {
        const lines = [[]];
        const walk = (node, wrap) => {
            if (node.nodeType === Node.TEXT_NODE) {
                node.data.split('\n').forEach((piece, place) => {
                    if (place > 0) {
                        lines.push([]);
                    }
                    lines.at(-1).push(wrap(document.createTextNode(piece)));
                });
            } else {
                node.childNodes.forEach(child => walk(child, inner => {
                    const shell = node.cloneNode(false);
                    shell.append(inner);
                    return wrap(shell);
                }));
            }
        };
        code.childNodes.forEach(node => walk(node, inner => inner));
        return lines.at(-1).every(node => node.textContent === '') ? lines.slice(0, -1) : lines;
    }

    function askForLine(question) {
        const list = question.querySelector(':scope > ul');
        const code = question.querySelector(':scope > pre > code');
        const options = written(list);
        const said = announcer();
        said.setAttribute('aria-atomic', 'false');
        const hint = element('p', 'contestable pista', 'Pulsa la línea: se puede elegir entre las que llevan un círculo.');
        code.parentElement.before(hint);
        replace(list, said);
        let chosen = recalled(question, number => Number.isInteger(number) && options[number] !== undefined);

        const buttons = [];
        const lines = splitLines(code).map(nodes => {
            const text = nodes.map(node => node.textContent).join('').trim();
            const number = options.findIndex(each => each.code.trim() === text);
            if (number < 0) {
                return element('span', 'renglon', ...nodes);
            }
            buttons[number] = button('renglon', ...nodes);
            return buttons[number];
        });
        code.replaceChildren(...lines);
        code.parentElement.setAttribute('role', 'group');
        name(question, code.parentElement);

        const reset = resetButton(question, () => {
            chosen = [];
            remember(question.id, chosen);
            said.replaceChildren();
            paint();
            code.querySelector('button').focus();
        });
        const tell = number => {
            const {right, contents, reason} = options[number];
            said.append(card(right, element('p', '', ...clones(contents)), ...clones(reason)));
        };
        const paint = () => {
            buttons.forEach((each, number) => {
                const seen = chosen.includes(number);
                each.setAttribute('aria-pressed', String(seen));
                each.classList.toggle('bien', seen && options[number].right);
                each.classList.toggle('mal', seen && !options[number].right);
            });
            question.classList.toggle('acertada', chosen.some(number => options[number].right));
            reset.hidden = chosen.length === 0;
        };
        buttons.forEach((each, number) => each.addEventListener('click', () => {
            if (!chosen.includes(number)) {
                chosen = [...chosen, number];
                remember(question.id, chosen);
                tell(number);
                paint();
            }
        }));
        chosen.forEach(tell);
        paint();
    }

    function upgrade(question) {
        const kinds = {salida: askForOutput, orden: askForOrder, linea: askForLine};
        const kind = Object.keys(kinds).find(kind => question.classList.contains(kind));
        (kinds[kind] ?? askToChoose)(question);
    }

    // La vista para imprimir es para leer.
    if (!window.location.pathname.endsWith('print.html')) {
        document.querySelectorAll('div.pregunta').forEach(upgrade);
    }
})();
