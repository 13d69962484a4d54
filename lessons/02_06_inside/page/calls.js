// Qué es cada llamada al sistema, y cómo se dice en pocas palabras.
'use strict';

const calls = (() => {
    const FAMILIES = {
        read: ['read', 'readv', 'recv', 'recvfrom', 'recvmsg', 'recvmmsg'],
        write: ['write', 'writev', 'send', 'sendto', 'sendmsg', 'sendmmsg', 'sendfile'],
        accept: ['accept', 'accept4'],
        select: ['select', 'pselect6', '_newselect'],
        poll: ['poll', 'ppoll'],
        epoll: ['epoll_wait', 'epoll_pwait', 'epoll_pwait2'],
    };
    const OF = new Map(Object.entries(FAMILIES).flatMap(([family, names]) => names.map(name => [name, family])));
    const MOST_BYTES = 32;
    const WAITS = ['select', 'poll', 'epoll'];
    // Errores que solo dicen «todavía no» o «vuelve a intentarlo».
    const PATIENCE = /^(?:EAGAIN|EWOULDBLOCK|EINTR|EINPROGRESS|ERESTART\w*)$/;

    const family = call => OF.get(call.call) ?? call.call;
    const waits = call => WAITS.includes(family(call));
    const fails = call => Boolean(call.error) && !PATIENCE.test(call.error);
    const full = call => call.error === 'EAGAIN' || call.error === 'EWOULDBLOCK';
    const closes = call => call.call === 'close' && !call.error;
    const partial = call => family(call) === 'write' && (full(call) || call.result < call.asked);
    const events = interest => String(interest.events ?? '').split(/[^\p{L}\p{N}_]+/u).filter(Boolean);
    const reads = interest => events(interest).some(event => /^(?:leer|(?:E?POLL)+(?:IN|RDHUP|PRI|HUP|RDNORM))$/.test(event));
    const writes = interest => events(interest).some(event => /^(?:escribir|(?:E?POLL)+(?:OUT|WRNORM))$/.test(event));

    const amount = call => call.asked > call.result ? `${text.number(call.result)} de ${text.number(call.asked)}`
        : text.number(call.result);
    const preview = call => call.bytes ? ` · ${text.bytes(call.bytes, MOST_BYTES)}` : '';

    const BRIEF = {
        __proto__: null,
        read: call => call.result === 0 ? 'ya no enviará más' : `lee ${text.number(call.result)}${preview(call)}`,
        write: call => `escribe ${amount(call)}${preview(call)}`,
        accept: call => call.client === undefined ? `acepta: ${call.result}` : `llega el cliente ${call.client}`,
        close: call => `cierra ${call.fd ?? ''}`,
        listen: () => 'escucha',
        shutdown: call => call.how ?? 'shutdown',
        epoll_ctl: call => [call.how, call.target?.fd, ...events(call.target ?? {}).map(event => event.replace('EPOLL', ''))].join(' '),
    };

    // En pocas palabras, para una fila.
    function brief(call) {
        if (call.error) {
            return `${call.call}: ${call.error}`;
        }
        if (waits(call)) {
            return call.result > 0 ? `despierta: ${text.plural(call.result, 'listo', 'listos')}` : 'vence el plazo';
        }
        const told = call.result === undefined ? null : BRIEF[family(call)];
        return told ? told(call) : `${call.call} ${call.fd ?? ''}`.trim();
    }

    const bytesOf = call => call.bytes && text.bytes(call.bytes, MOST_BYTES);

    const ARGUMENTS = {
        __proto__: null,
        read: call => [call.fd, bytesOf(call), call.asked],
        write: call => [call.fd, bytesOf(call), call.asked],
        select: call => [call.nfds, '…', call.timeout === undefined ? 'sin plazo' : `${call.timeout} ms`],
        poll: call => [`[${text.plural(call.watch?.length ?? 0, 'descriptor', 'descriptores')}]`,
            call.timeout === undefined ? 'sin plazo' : `${call.timeout} ms`],
        epoll: call => [call.fd, call.timeout === undefined ? 'sin plazo' : `${call.timeout} ms`],
        epoll_ctl: call => [call.fd, call.how, call.target?.fd, call.target?.events],
        listen: call => [call.fd, call.backlog],
    };

    // Como en el código: recvfrom(4, "hola\n", 16384) = 5
    function written(call, ended) {
        const given = (ARGUMENTS[family(call)] ?? (call => [call.fd, call.how, call.peer ?? call.local]))(call);
        const result = !ended ? 'duerme…' : call.error ? `-1 ${call.error}` : call.result ?? '?';
        return `${call.call}(${given.filter(each => each !== undefined && each !== '').join(', ')}) = ${result}`;
    }

    return {family, waits, fails, full, closes, partial, events, reads, writes, brief, written};
})();
