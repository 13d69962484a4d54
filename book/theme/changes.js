// De un listado de cambios, el botón de copiar se lleva solo el código nuevo.
'use strict';

(function changes() {
    // Antes que el de mdBook, que copia lo que se ve en ese momento.
    document.addEventListener('click', event => {
        const listing = event.target.closest('.clip-button') && event.target.closest('pre.cambios');
        if (listing) {
            listing.classList.add('copiando');
            setTimeout(() => listing.classList.remove('copiando'));
        }
    }, true);
})();
