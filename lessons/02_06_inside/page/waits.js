// A qué espera un hilo: los conjuntos de select como bits, el vector de poll, las listas de epoll.
'use strict';

const waits = (() => {
    const {element} = text;
    const MOST_BITS = 20;
    const MOST_ROWS = 12;
    const FEW_ROWS = 6;
    const KINDS = ['leer', 'escribir', 'excepción'];

    function limit({timeout}) {
        return timeout === undefined || timeout < 0 ? 'sin plazo' : timeout === 0 ? 'sin dormir' : `plazo: ${text.duration(timeout * 1000)}`;
    }

    const names = interest => calls.events(interest).map(event => element('span', 'suceso', event));
    const answer = ({call, asleep}) => asleep ? 'duerme' : call.error ?? `devuelve ${call.result ?? '?'}`;

    function title(what, wait) {
        return element('p', 'espera-titulo', element('code', '', what), ` · ${limit(wait.call)} · `,
            element('strong', wait.asleep ? 'dormido' : '', answer(wait)));
    }

    const rest = (count, what) => count > 0 ? element('p', 'resto', `y ${text.number(count)} más${what}`) : null;

    function bit(isSet, wait, isAnswer) {
        const pending = isAnswer && wait.asleep;
        const cell = element('td', isSet ? isAnswer ? 'listo' : 'puesto' : 'vacio', isSet ? '1' : pending ? '' : '0');
        return cell;
    }

    function bitRow(label, fds, set, wait, isAnswer) {
        return element('tr', isAnswer ? 'vuelta' : '', element('th', '', label), ...fds.map(fd => bit(set.has(fd), wait, isAnswer)));
    }

    const setOf = (interests, kind) => new Set(interests.filter(each => calls.events(each).includes(kind)).map(({fd}) => fd));

    function bits(wait, who) {
        const {call} = wait;
        const watch = call.watch ?? [];
        const ready = wait.asleep ? [] : call.ready ?? [];
        const all = Number.isInteger(call.nfds) && call.nfds <= MOST_BITS ? [...Array(Math.max(0, call.nfds)).keys()]
            : [...new Set(watch.map(({fd}) => fd))].sort((one, other) => one - other);
        const important = new Set(ready.map(({fd}) => fd));
        const fds = all.length <= MOST_BITS ? all : kept(all, MOST_BITS, fd => important.has(fd));
        const kinds = KINDS.filter(kind => kind === 'leer' || setOf(watch, kind).size > 0);
        const head = element('tr', '', element('th', '', 'descriptor'), ...fds.map(fd => element('th', who(fd).mine ? 'actual' : '', fd)));
        const people = element('tr', 'quien', element('th', '', 'quién'), ...fds.map(fd => element('td', '', who(fd).short)));
        const table = element('table', 'bits', element('thead', '', head), element('tbody', '', people,
            ...kinds.map(kind => bitRow(`pide ${kind}`, fds, setOf(watch, kind), wait, false)),
            ...kinds.map(kind => bitRow(`vuelve ${kind}`, fds, setOf(ready, kind), wait, true))));
        const set = setOf(watch, 'leer').size;
        return [
            title(`${call.call}(${call.nfds ?? '?'}, …)`, wait),
            table,
            rest(all.length - fds.length, `: vigila ${text.number(set)} para leer y ${text.number(setOf(watch, 'escribir').size)} para escribir`),
        ];
    }

    // Los que importan y los primeros, en su orden, hasta `most`.
    function kept(all, most, matters) {
        const first = all.filter(matters).slice(0, most);
        const chosen = new Set([...first, ...all.filter(each => !matters(each)).slice(0, most - first.length)]);
        return all.filter(each => chosen.has(each));
    }

    function interests(watch, wait, who, heads) {
        const ready = new Map((wait && !wait.asleep ? wait.call.ready ?? [] : []).map(each => [each.fd, each]));
        const rows = kept(watch, watch.length <= MOST_ROWS ? MOST_ROWS : FEW_ROWS, ({fd}) => ready.has(fd) || who(fd).mine);
        const row = interest => {
            const back = ready.get(interest.fd);
            const done = wait?.attended.includes(interest.fd);
            return element('tr', [who(interest.fd).mine && 'actual', back && 'listo'].filter(Boolean).join(' '),
                element('th', '', interest.fd), element('td', 'quien', who(interest.fd).long),
                element('td', '', ...names(interest)),
                element('td', 'vuelve', ...back ? names(back) : [], back && done ? element('span', 'hecho', ' ✓') : null));
        };
        return [
            element('table', 'lista', element('thead', '', element('tr', '', ...heads.map(head => element('th', '', head)))),
                element('tbody', '', ...rows.map(row))),
            watch.length === 0 ? element('p', 'resto', 'vacía: no vigila a nadie') : rest(watch.length - rows.length, ' en la lista'),
        ];
    }

    function epoll({fd, watch}, wait, who) {
        const own = wait?.call.fd === fd ? wait : null;
        return [
            own ? title(`${own.call.call}(${fd})`, own) : element('p', 'espera-titulo', element('code', '', `epoll ${fd}`)),
            ...interests([...watch.values()], own, who, ['fd', 'quién', 'lista de interés', 'lista de listos']),
        ];
    }

    function poll(wait, who) {
        return [
            title(`${wait.call.call}([${wait.call.watch?.length ?? 0}])`, wait),
            ...interests(wait.call.watch ?? [], wait, who, ['fd', 'quién', 'events', 'revents']),
        ];
    }

    // Lo del hilo que espera a varios; si hay epoll, sus listas, espere alguien o no.
    function waits(now, thread, who) {
        const wait = now.threads.get(thread)?.wait ?? now.threads.get(now.waiter)?.wait ?? null;
        const own = wait ? {select: () => bits(wait, who), poll: () => poll(wait, who)}[calls.family(wait.call)] : null;
        const shown = own ? [own()] : [];
        [...now.epolls.values()].slice(0, 2).forEach(each => shown.push(epoll(each, wait, who)));
        return shown.map(parts => element('div', 'espera', ...parts));
    }

    return waits;
})();
