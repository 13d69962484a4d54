// El código: el archivo, con la línea que llama; o las funciones; o, si no hay más, la llamada.
'use strict';

const code = (() => {
    const {element} = text;
    // Las líneas que salen en papel, a cada lado.
    const NEAR = 9;
    const LONGEST = 20_000;
    // Las marcas con las que el libro incluye trozos: en la ventana sobran.
    const ANCHOR = /^\s*(\/\/|#) ANCHOR(_END)?:/;
    const WORDS = {
        rs: 'as|async|await|break|const|continue|else|enum|fn|for|if|impl|in|let|loop|match|mod|move|mut|pub|ref|return|self|Self|static|struct|trait|type|use|where|while|crate',
        py: 'and|as|break|class|continue|def|del|elif|else|except|finally|for|from|if|import|in|is|lambda|None|not|or|pass|raise|return|self|True|False|try|while|with|yield',
        js: 'async|await|break|case|catch|class|const|continue|default|else|export|for|from|function|if|import|in|let|new|of|return|switch|this|throw|try|var|while',
        c: 'break|case|char|const|continue|default|do|else|enum|extern|for|goto|if|int|long|return|short|signed|sizeof|static|struct|switch|typedef|unsigned|void|while',
    };
    const LIKE = {mjs: 'js', cjs: 'js', ts: 'js', h: 'c', cc: 'c', cpp: 'c'};

    // Comentarios, textos y palabras del lenguaje; basta para leer.
    function grammar(file) {
        const extension = file.split('.').at(-1);
        const language = LIKE[extension] ?? extension;
        const comment = language === 'py' ? '#.*' : '//.*|/\\*.*?(?:\\*/|$)';
        const words = WORDS[language] ?? 'if|else|for|while|return';
        return new RegExp(`(${comment})|("(?:\\\\.|[^"\\\\])*"|'(?:\\\\.|[^'\\\\\\s])+'|b'(?:\\\\.|[^'\\\\])')|\\b(${words})\\b`, 'g');
    }

    function coloured(line, pattern) {
        const pieces = [];
        let from = 0;
        for (const found of line.matchAll(pattern)) {
            const kind = found[1] ? 'comentario' : found[2] ? 'texto' : 'palabra';
            pieces.push(line.slice(from, found.index), element('span', kind, found[0]));
            from = found.index + found[0].length;
        }
        return [...pieces, line.slice(from)];
    }

    function listing(file, source) {
        const pattern = grammar(file);
        return source.split('\n').slice(0, LONGEST).map((line, place) => {
            const row = element('span', 'linea', ...coloured(line, pattern), '\n');
            row.dataset.numero = place + 1;
            row.hidden = ANCHOR.test(line);
            return row;
        });
    }

    // Sin los tipos de Rust, que no dicen dónde se está: `fill<std::net::tcp::TcpStream>` es `fill`.
    const shortName = ({function: name}) => name?.replace(/::h[0-9a-f]{16}$/, '').replace(/^<.*>::/, '').replace(/<.*>$/, '')
        .split('::').slice(-2).join('::');
    const placeName = each => [shortName(each) ?? '¿?', each.file && ` · ${each.file.split('/').at(-1)}:${each.line ?? '?'}`]
        .filter(Boolean).join('');

    function panel(root) {
        const title = root.querySelector('.archivo');
        const body = root.querySelector('.listado');
        const path = root.querySelector('.camino');
        const call = root.querySelector('.llamada');
        const listings = new Map();
        let marked = [];
        let shown = null;

        function lines(recording, file) {
            const source = recording.sources.get(file);
            if (listings.get(file)?.source !== source) {
                listings.set(file, {source, rows: listing(file, source)});
            }
            return listings.get(file).rows;
        }

        function mark(rows, number, callers) {
            marked.forEach(row => row.classList.remove('actual', 'antes'));
            const above = callers.map(line => rows[line - 1]).filter(Boolean);
            above.forEach(row => row.classList.add('antes'));
            const current = rows.slice(number - 1, number);
            current.forEach(row => row.classList.add('actual'));
            marked = [...above, ...current];
        }

        // En papel no se puede desplazar: solo salen las líneas de alrededor.
        function print() {
            const here = shown?.findIndex(row => row.classList.contains('actual')) ?? -1;
            shown?.forEach((row, at) => row.classList.toggle('cerca', Math.abs(at - here) <= NEAR));
        }

        // La línea, en el centro.
        function aim() {
            const row = body.querySelector('.actual');
            if (row) {
                body.scrollTop = row.offsetTop - (body.clientHeight - row.offsetHeight) / 2;
            }
        }

        function showSource(recording, at, place) {
            const rows = lines(recording, place.file);
            if (shown !== rows) {
                body.replaceChildren(element('code', '', ...rows));
                shown = rows;
            }
            const callers = at.filter(({file, line}) => file === place.file && line !== place.line).map(({line}) => line);
            mark(rows, place.line, callers);
            title.textContent = text.visible(`${place.file}, línea ${place.line}`);
        }

        function showNames(at) {
            shown = null;
            title.textContent = at.length ? 'las funciones' : '';
            body.replaceChildren(at.length
                ? element('ol', 'funciones', ...at.map(each => element('li', '', placeName(each))))
                : element('p', 'nada', 'No se sabe desde qué línea se llamó. Sí, qué se pidió al núcleo.'));
        }

        function show(recording, place) {
            const step = recording.steps[place];
            const at = step?.record.at ?? [];
            const source = recording.source(step);
            if (source) {
                showSource(recording, at, source);
            } else {
                showNames(at);
            }
            path.textContent = source ? text.visible(at.slice(at.indexOf(source)).map(shortName).filter(Boolean).slice(0, 4).join(' ← ')) : '';
            call.textContent = step?.record.call ? text.visible(calls.written(step.record, step.kind !== 'asleep')) : '';
            call.hidden = !call.textContent;
        }

        window.addEventListener('beforeprint', print);
        return {show, aim};
    }

    return panel;
})();
