// Lo que el servidor y el núcleo tienen en un momento, y cómo lo cambia cada cosa que pasa.
'use strict';

const state = (() => {
    const empty = () => ({
        us: 0,
        threads: new Map(),
        listeners: new Map(),
        connections: new Map(),
        epolls: new Map(),
        sampled: null,
        // El último hilo que esperó a varios descriptores.
        waiter: null,
        // Lo que empezó o acabó en el último paso.
        opened: [],
        ended: [],
    });

    const copied = map => new Map([...map].map(([key, value]) => [key, {...value}]));

    // Para seguir desde aquí sin tocar el original.
    function copy(from) {
        return {
            ...from,
            threads: copied(from.threads),
            listeners: copied(from.listeners),
            connections: copied(from.connections),
            epolls: new Map([...from.epolls].map(([fd, epoll]) => [fd, {...epoll, watch: new Map(epoll.watch)}])),
            opened: [...from.opened],
            ended: [...from.ended],
        };
    }

    function thread(now, id) {
        if (!now.threads.has(id)) {
            now.threads.set(id, {id, process: 1, alive: true, asleep: null, wait: null});
        }
        return now.threads.get(id);
    }

    const everything = now => [...now.listeners.values(), ...now.connections.values(), ...now.epolls.values()];
    const holds = (held, process) => held.holders.includes(process);

    // La conexión de la que trata una llamada: por su cliente o, si no, por su descriptor.
    function connection(now, {client, fd, thread: id}) {
        const known = client === undefined ? undefined : now.connections.get(`c${client}`);
        if (known || fd === undefined) {
            return known;
        }
        const {process} = thread(now, id);
        return [...now.connections.values()].findLast(each => each.fd === fd && !each.closed && holds(each, process));
    }

    function open(now, call, fd) {
        const {process} = thread(now, call.thread);
        const key = call.client === undefined ? `f${fd}@${call.us}` : `c${call.client}`;
        now.connections.set(key, {
            key, fd, client: call.client, peer: call.peer, state: 'ESTABLISHED', holders: [process],
            incoming: null, outgoing: null, beyond: null, sampled: null, touched: false,
            received: 0, sent: 0, finished: false, closed: false,
        });
        now.opened.push(key);
        return now.connections.get(key);
    }

    // Un proceso suelta un descriptor. Cuando nadie lo tiene, lo que había detrás se cierra.
    function release(now, held, process) {
        held.holders = held.holders.filter(each => each !== process);
        if (held.holders.length > 0) {
            return;
        }
        now.epolls.forEach(epoll => holds(epoll, process) && epoll.watch.delete(held.fd));
        if (held.key) {
            held.closed = true;
            now.ended.push(held.key);
        } else {
            [now.listeners, now.epolls].forEach(map => map.get(held.fd) === held && map.delete(held.fd));
        }
    }

    const ON = {
        listen(now, call) {
            const {process} = thread(now, call.thread);
            now.listeners.set(call.fd, {
                fd: call.fd, local: call.local, backlog: call.backlog, queue: null, sampled: null, touched: false, holders: [process],
            });
        },
        accept(now, call) {
            const listener = now.listeners.get(call.fd);
            if (listener && listener.queue !== null) {
                listener.queue = Math.max(0, listener.queue - 1);
                listener.touched = true;
            }
            return open(now, call, call.result);
        },
        connect(now, call) {
            return connection(now, call) ?? open(now, call, call.fd);
        },
        read(now, call, held) {
            if (!held) {
                return;
            }
            held.received += call.result;
            if (call.result === 0 && call.asked !== 0) {
                held.finished = true;
            }
            if (held.incoming !== null && call.result > 0) {
                held.incoming = Math.max(0, held.incoming - call.result);
                held.touched = true;
            }
        },
        write(now, call, held) {
            if (!held) {
                return;
            }
            held.sent += call.result;
            if (held.outgoing !== null) {
                held.outgoing += call.result;
                held.touched = true;
            }
        },
        close(now, call, held) {
            const {process} = thread(now, call.thread);
            const gone = held ?? everything(now).find(each => each.fd === call.fd && holds(each, process));
            if (gone) {
                release(now, gone, process);
            }
        },
        epoll(now, call) {
            epoll(now, call).ready = call.ready ?? [];
        },
        epoll_ctl(now, call) {
            if (!call.target) {
                return;
            }
            const {watch} = epoll(now, call);
            const {fd} = call.target;
            if (call.how === 'DEL') {
                watch.delete(fd);
            } else {
                watch.set(fd, call.target);
            }
        },
    };

    function epoll(now, {fd, thread: id}) {
        if (!now.epolls.has(fd)) {
            now.epolls.set(fd, {fd, watch: new Map(), ready: [], holders: [thread(now, id).process]});
        }
        return now.epolls.get(fd);
    }

    // Quien espera, qué espera y, de lo que volvió listo, qué atendió ya.
    function waiting(now, call, asleep) {
        const who = thread(now, call.thread);
        if (calls.waits(call)) {
            who.wait = {call, asleep, attended: []};
            now.waiter = who.id;
        } else if (who.wait?.call.ready?.some(({fd}) => fd === call.fd)) {
            who.wait = {...who.wait, attended: [...who.wait.attended, call.fd]};
        }
    }

    function asleep(now, call) {
        thread(now, call.thread).asleep = call;
        waiting(now, call, true);
        return connection(now, call);
    }

    function call(now, call) {
        thread(now, call.thread).asleep = null;
        waiting(now, call, false);
        let held = connection(now, call);
        const family = calls.family(call);
        if (family === 'accept') {
            held = undefined;
        }
        const begun = call.call === 'connect' && call.error === 'EINPROGRESS';
        if (begun || !call.error && call.result !== undefined) {
            held = Object.hasOwn(ON, family) ? ON[family](now, call, held) ?? held : held;
        } else if (family === 'read' && calls.full(call) && held) {
            // Si no hay nada que leer, está vacío: no hace falta mirar.
            held.touched ||= held.incoming !== 0;
            held.incoming = 0;
        }
        return held;
    }

    function started(now, record) {
        // Al que empezó no lo creó nadie: su padre es el 0.
        const parent = thread(now, record.parent || record.thread);
        const process = record.process ? record.thread : parent.process;
        now.threads.set(record.thread, {...thread(now, record.thread), name: record.name, process});
        if (record.process) {
            everything(now).filter(held => holds(held, parent.process))
                .forEach(held => { held.holders = [...held.holders, process]; });
        }
    }

    // Un proceso que termina suelta todo lo que tenía.
    function exited(now, record) {
        const who = thread(now, record.thread);
        Object.assign(who, {alive: false, asleep: null, wait: null});
        const rest = [...now.threads.values()].some(each => each.alive && each.process === who.process);
        if (!rest) {
            everything(now).filter(held => holds(held, who.process)).forEach(held => release(now, held, who.process));
        }
    }

    function sampled(now, record) {
        now.sampled = record.us;
        const open = [...now.connections.values()].filter(each => !each.closed);
        const known = {
            peers: new Map(open.map(each => [each.peer, each])),
            numbers: new Map(open.map(each => [each.fd, each])),
        };
        for (const socket of record.sockets ?? []) {
            if (socket.state === 'LISTEN') {
                listening(now, socket, record.us);
            } else {
                connected(now, socket, record.us, known);
            }
        }
        for (const {fd, watch} of record.epolls ?? []) {
            epoll(now, {fd, thread: 1}).watch = new Map(watch.map(each => [each.fd, each]));
        }
    }

    function listening(now, {fd, local, incoming}, us) {
        const known = now.listeners.get(fd) ?? {fd, holders: [1]};
        now.listeners.set(fd, {...known, local, queue: incoming, sampled: us, touched: false});
    }

    function connected(now, socket, us, {peers, numbers}) {
        const {peer, fd, state, incoming, outgoing, beyond = null} = socket;
        const held = (peer && peers.get(peer)) ?? numbers.get(fd) ?? open(now, {thread: 1, us, peer}, fd);
        Object.assign(held, {state, incoming, outgoing, beyond, sampled: us, touched: false});
    }

    const MOMENTS = {asleep, call, sample: sampled, thread: started, exit: exited};

    // Pasa una cosa más. Devuelve la conexión de la que trata, si trata de una.
    function apply(now, moment) {
        now.us = moment.us;
        return Object.hasOwn(MOMENTS, moment.kind) ? MOMENTS[moment.kind](now, moment.record) : undefined;
    }

    // Lo que se cerró en un paso se ve en él, y en el siguiente ya no está.
    function settle(now) {
        now.ended.forEach(key => now.connections.delete(key));
        now.opened = [];
        now.ended = [];
    }

    return {empty, copy, apply, settle};
})();
