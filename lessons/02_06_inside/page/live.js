// En vivo: cada registro, en cuanto se sabe; y quien vuelve atrás se queda donde está.
'use strict';

const live = (() => {
    function follow(address, {receive, tell}) {
        const source = new EventSource(address);
        let waiting = [];

        // De una vez, lo que llegue entre dos fotogramas.
        function deliver() {
            const records = waiting;
            waiting = [];
            receive(records);
        }

        source.addEventListener('open', () => tell('en vivo'));
        source.addEventListener('message', ({data}) => {
            if (waiting.length === 0) {
                setTimeout(deliver, 16);
            }
            try {
                waiting.push(JSON.parse(data));
            } catch {
                waiting.push(null); // Una línea estropeada no estropea las demás.
            }
        });
        source.addEventListener('fin', () => {
            source.close();
            tell('terminó');
        });
        source.addEventListener('error', () => tell(source.readyState === EventSource.CLOSED
            ? 'se perdió la conexión; lo grabado sigue aquí' : 'se perdió la conexión; se vuelve a llamar…'));
    }

    return {follow};
})();
