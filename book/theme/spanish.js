// El español de la página.
//
// mdBook escribe en inglés sus botones, sus rótulos y sus avisos. Aquí se traducen, también los
// que aparecen después; y, de paso, se arregla lo que no se podía usar con el teclado.
'use strict';

(function spanish() {
    const TEXTS = new Map(Object.entries({
        // El menú.
        'Toggle Table of Contents': 'Mostrar u ocultar el índice',
        'Table of contents': 'Índice',
        'Change theme': 'Cambiar el tema',
        'Themes': 'Temas',
        'Auto': 'Automático',
        'Light': 'Claro',
        'Rust': 'Óxido',
        'Coal': 'Carbón',
        'Navy': 'Oscuro',
        'Ayu': 'Ayu',
        'Search (`/`)': 'Buscar (tecla «/»)',
        'Toggle Searchbar': 'Mostrar u ocultar el buscador',
        'Search this book ...': 'Busca en el libro…',
        'Print this book': 'Imprimir el libro',
        'Git repository': 'Repositorio',
        'Suggest an edit': 'Proponer un cambio',
        // Las páginas.
        'Page navigation': 'De un capítulo a otro',
        'Previous chapter': 'Capítulo anterior',
        'Next chapter': 'Capítulo siguiente',
        // El código.
        'Copy to clipboard': 'Copiar',
        'Copied!': '¡Copiado!',
        'Clipboard error!': 'No se pudo copiar',
        'Show hidden lines': 'Mostrar las líneas ocultas',
        'Hide lines': 'Ocultar líneas',
        'Run this code': 'Ejecutar este código',
        'Undo changes': 'Deshacer los cambios',
        'Running...': 'Ejecutando…',
        'No output': 'Sin salida',
        // La ayuda del teclado.
        'Keyboard shortcuts': 'Atajos del teclado',
        'to navigate between chapters': 'pasan de un capítulo a otro',
        'to search in the book': 'buscan en el libro',
        'to show this help': 'muestra esta ayuda',
        'to hide this help': 'la cierra',
        'Press': 'Las teclas',
        'or': 'o',
    }));
    const ATTRIBUTES = ['title', 'aria-label', 'placeholder', 'alt'];

    function translated(text) {
        return TEXTS.get(text.trim());
    }

    function translateAttributes(element) {
        for (const name of ATTRIBUTES) {
            const spanish = element.hasAttribute(name) && translated(element.getAttribute(name));
            if (spanish) {
                element.setAttribute(name, spanish);
            }
        }
    }

    // Lo del capítulo ya está en español, también lo que el buscador cita: ahí solo se miran los
    // botones que añade mdBook.
    function isProse(node) {
        const element = node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement;
        return !element || element.closest('main, .sidebar-scrollbox, #mdbook-searchresults') !== null
            && element.closest('.buttons') === null;
    }

    function translateText(node) {
        const spanish = !isProse(node) && translated(node.data);
        if (spanish) {
            node.data = node.data.replace(node.data.trim(), spanish);
        }
    }

    function translate(root) {
        if (root.nodeType === Node.TEXT_NODE) {
            translateText(root);
        } else if (root.nodeType === Node.ELEMENT_NODE) {
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
            for (let node = root; node; node = walker.nextNode()) {
                if (node.nodeType === Node.TEXT_NODE) {
                    translateText(node);
                } else if (!isProse(node) || node.matches('.buttons *')) {
                    translateAttributes(node);
                }
            }
        }
    }

    // Una sola tecla pide otra concordancia, y «o» no va delante de «o».
    function agree() {
        for (const line of document.querySelectorAll('#mdbook-help-popup p')) {
            if (line.querySelectorAll('kbd').length === 1) {
                line.firstChild.data = 'La tecla ';
            }
        }
    }

    function watch() {
        new MutationObserver(changes => {
            for (const change of changes) {
                if (change.type === 'attributes') {
                    translateAttributes(change.target);
                }
                change.addedNodes.forEach(translate);
            }
        }).observe(document.body, {
            subtree: true, childList: true, attributes: true, attributeFilter: ATTRIBUTES,
        });
    }

    // Con dos temas propios, claro y oscuro, los otros tres sobran: van al final, sin mostrarse.
    function tidyThemes() {
        const list = document.getElementById('mdbook-theme-list');
        for (const name of ['rust', 'coal', 'ayu']) {
            const item = document.getElementById('mdbook-theme-' + name)?.parentElement;
            if (item) {
                item.hidden = true;
                list.append(item);
            }
        }
    }

    // El índice va delante del capítulo, y con el tabulador son decenas de enlaces.
    function addSkipLink() {
        const main = document.querySelector('main');
        main.id = 'contenido';
        main.tabIndex = -1;
        const link = document.createElement('a');
        link.className = 'saltar';
        link.href = '#contenido';
        link.textContent = 'Saltar al contenido';
        document.body.prepend(link);
    }

    // El botón del índice y las flechas que lo despliegan no son botones: sin esto no se llega a
    // ellos con el tabulador.
    function makeSidebarReachable() {
        for (const button of document.querySelectorAll('#mdbook-sidebar-toggle, .chapter-fold-toggle')) {
            button.setAttribute('role', 'button');
            button.tabIndex = 0;
            button.addEventListener('keydown', event => {
                if (event.key === 'Enter' || event.key === ' ') {
                    event.preventDefault();
                    button.click();
                }
            });
        }
        for (const arrow of document.querySelectorAll('.chapter-fold-toggle')) {
            arrow.setAttribute('aria-label', 'Mostrar u ocultar lo que contiene');
        }
    }

    translate(document.body);
    agree();
    tidyThemes();
    addSkipLink();
    makeSidebarReachable();
    watch();
})();
