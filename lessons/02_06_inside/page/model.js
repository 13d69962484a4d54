// La grabación, por pasos: cuáles son, qué había en cada uno y quién hablaba.
'use strict';

const model = (() => {
    // Cada cuántos pasos se guarda una copia de todo, para llegar pronto a cualquiera.
    const STRIDE = 200;
    const SILENT = ['recording', 'source', 'sample', 'call'];

    const identity = call => `${call.thread} ${call.us} ${call.call}`;
    const end = call => call.us + call.took;

    // Lo que pasa en cada momento: una llamada que duerme son dos cosas, dormirse y despertar.
    function momentsOf(record, asleep) {
        if (record.what === 'call') {
            const announced = asleep.has(identity(record));
            const falling = {kind: 'asleep', us: record.us, record, step: true};
            if (record.took === undefined) {
                return announced ? [] : [falling];
            }
            const ending = {kind: 'call', us: end(record), record, step: true};
            return record.asleep && !announced ? [falling, ending] : [ending];
        }
        if (record.what === 'sample') {
            return [{kind: 'sample', us: record.us, record, step: false}];
        }
        const step = !SILENT.includes(record.what) && record.say?.length > 0;
        return Number.isFinite(record.us) ? [{kind: record.what, us: record.us, record, step}] : [];
    }

    class Recording {
        constructor() {
            this.clear();
        }

        clear() {
            this.header = null;
            this.sources = new Map();
            this.moments = [];
            this.asleep = new Map();
            this.forget();
        }

        // Lo que se sabe por haber pasado por todo, de principio a fin.
        forget() {
            this.steps = [];
            this.copies = [{step: 0, next: 0, now: state.empty()}];
            this.threads = [];
            this.lanes = new Map();
            this.slots = [];
            this.jumps = {turns: [], partial: [], closes: [], fails: []};
            this.most = 0;
            this.missing = 0;
            this.running = {next: 0, now: state.empty()};
        }

        append(records) {
            const before = this.moments.length;
            records.filter(record => record && typeof record === 'object').forEach(record => this.add(record));
            const last = before ? this.moments[before - 1].us : 0;
            const late = this.moments.slice(before).some(({us}, place, all) => us < (place ? all[place - 1].us : last));
            if (late) {
                this.moments.sort((one, other) => one.us - other.us);
                this.forget();
            }
            this.advance();
        }

        add(record) {
            if (record.what === 'recording') {
                // Otra vez desde el principio: se perdió la conexión.
                if (this.header) {
                    this.clear();
                }
                this.header = record;
            } else if (record.what === 'source') {
                this.sources.set(record.file, String(record.text));
            } else {
                this.moments.push(...momentsOf(record, this.asleep));
                if (record.what === 'call' && record.took === undefined) {
                    this.asleep.set(identity(record), record);
                }
            }
        }

        get length() {
            return this.steps.length;
        }

        // Pasa por lo que aún no se había visto.
        advance() {
            const {now} = this.running;
            for (let at = this.running.next; at < this.moments.length; at += 1) {
                const moment = this.moments[at];
                if (moment.step) {
                    this.checkpoint(at);
                    state.settle(now);
                }
                const held = state.apply(now, moment);
                this.measure(moment);
                if (moment.kind === 'omitted') {
                    this.missing += moment.record.count;
                }
                if (moment.step) {
                    this.note(moment, held, at);
                }
            }
            this.running.next = this.moments.length;
        }

        checkpoint(next) {
            if (this.length > 0 && this.length % STRIDE === 0) {
                this.copies.push({step: this.length, next, now: state.copy(this.running.now)});
            }
        }

        // Lo más que se vio en un depósito: con eso se dibujan todos.
        measure({kind, record}) {
            const seen = kind === 'sample' ? (record.sockets ?? []).filter(socket => socket.state !== 'LISTEN') : [];
            for (const {incoming, outgoing, beyond} of seen) {
                this.most = Math.max(this.most, incoming ?? 0, outgoing ?? 0, beyond ?? 0);
            }
        }

        note({kind, us, record}, held, at) {
            const place = this.length;
            const {now} = this.running;
            const isWait = (kind === 'asleep' || kind === 'call') && calls.waits(record);
            const thread = record.thread ?? 1;
            const step = {place, kind, us, record, thread, at, held: held?.key ?? null, omitted: this.missing, ready: []};
            this.missing = 0;
            if (kind === 'call' && isWait) {
                step.ready = this.readyLanes(now, record);
            }
            this.steps.push(step);
            this.noteThread(step);
            this.noteLanes(now, place);
            this.noteJumps(step, isWait);
        }

        readyLanes(now, call) {
            const numbers = new Map([...now.connections.values()].filter(({closed}) => !closed).map(each => [each.fd, each.key]));
            return (call.ready ?? []).filter(({fd}) => numbers.has(fd)).map(interest =>
                ({key: numbers.get(interest.fd), reads: calls.reads(interest), writes: calls.writes(interest)}));
        }

        // Los ratos que duerme cada hilo, en pasos.
        noteThread({thread, kind, place}) {
            let lane = this.threads.find(({id}) => id === thread);
            if (!lane) {
                lane = {id: thread, from: place, to: null, sleeps: []};
                this.threads.push(lane);
            }
            const last = lane.sleeps.at(-1);
            if (last && last.to === null) {
                last.to = place;
            }
            lane.to = kind === 'exit' ? place : null;
            if (kind === 'asleep') {
                lane.sleeps.push({from: place, to: null});
            }
        }

        // Cada cliente, en el primer carril libre, como los descriptores.
        noteLanes(now, place) {
            for (const key of now.opened) {
                const {client, fd, peer} = now.connections.get(key);
                const free = this.slots.findIndex(lanes => lanes.at(-1).to !== null);
                const slot = free < 0 ? this.slots.length : free;
                const lane = {key, client, fd, peer, slot, from: place, to: null};
                this.lanes.set(key, lane);
                (this.slots[slot] ??= []).push(lane);
            }
            now.ended.map(key => this.lanes.get(key)).filter(Boolean).forEach(lane => { lane.to = place; });
        }

        noteJumps({kind, record, place}, isWait) {
            const {turns, partial, closes, fails} = this.jumps;
            const slept = kind === 'call' && (record.asleep || this.asleep.has(identity(record)));
            if (kind === 'asleep' || isWait && !slept) {
                turns.push({place, wait: isWait});
            }
            if (kind === 'call') {
                [[partial, calls.partial], [closes, calls.closes], [fails, calls.fails]]
                    .forEach(([list, is]) => is(record) && list.push(place));
            }
        }

        // Lo que había después de un paso: desde la última copia, lo que pasó hasta el siguiente. Así, de quien
        // duerme se ve también lo que llegó mientras dormía.
        at(place) {
            const from = this.copies.findLast(({step}) => step <= place) ?? this.copies[0];
            const now = state.copy(from.now);
            const last = (this.steps[place + 1]?.at ?? this.moments.length) - 1;
            for (let at = from.next; at <= last; at += 1) {
                if (this.moments[at].step) {
                    state.settle(now);
                }
                state.apply(now, this.moments[at]);
            }
            return now;
        }

        // Las vueltas empiezan al esperar; si nadie espera a varios, al dormirse.
        turns() {
            const all = this.jumps.turns;
            const waits = all.filter(({wait}) => wait);
            return (waits.length ? waits : all).map(({place}) => place);
        }

        // El código y la línea de un paso, si se tienen.
        source(step) {
            return (step?.record.at ?? []).find(({file, line}) => line && this.sources.has(file));
        }

        // La llamada, con lo que se sepa ahora: al dormirse quizá ya se sepa cómo terminó.
        say(step) {
            const {kind, record} = step;
            if (kind === 'asleep') {
                return [record.asleep ?? `${record.call}: se duerme`];
            }
            return record.say?.length ? record.say.map(String) : [`${record.call}: ${record.error ?? record.result ?? '?'}`];
        }
    }

    return {Recording};
})();
