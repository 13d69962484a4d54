// Grabaciones escritas a mano, para probar la página con lo que cuesta encontrar en una de verdad.

const hex = text => Buffer.from(text).toString('hex');
const address = port => `127.0.0.1:${port}`;

// Apunta lo que hace un servidor inventado, con su reloj.
export class Recorder {
    constructor(...command) {
        this.us = 0;
        this.records = [{what: 'recording', version: 1, command, started: 1_790_000_000}];
        this.sockets = new Map();
    }

    source(file, text) {
        this.records.push({what: 'source', file, text});
        return this;
    }

    // Una llamada que no duerme.
    call(call, fields, ...say) {
        this.records.push({what: 'call', us: this.us += 20, took: 8, thread: 1, call, ...fields, say});
        this.us += 8;
        return this;
    }

    // Una que duerme `slept` microsegundos.
    sleep(call, slept, fields, asleep, ...say) {
        this.records.push({what: 'call', us: this.us += 20, took: slept, thread: 1, call, ...fields, asleep, say});
        this.us += slept;
        return this;
    }

    sample(sockets, epolls = []) {
        this.records.push({what: 'sample', us: this.us += 3, sockets, epolls});
        return this;
    }
}

export const bytes = text => ({bytes: hex(text), result: Buffer.byteLength(text)});
const sent = text => ({asked: Buffer.byteLength(text), ...bytes(text)});
export const listening = (incoming = 0) => ({fd: 3, local: address(8800), state: 'LISTEN', incoming, outgoing: 0});
export const connected = (client, incoming = 0, outgoing = 0, beyond = 0) =>
    ({fd: 3 + client, local: address(8800), peer: address(40_000 + client), state: 'ESTABLISHED', incoming, outgoing, beyond});

const accepted = client => ({fd: 3, client, result: 3 + client, peer: address(40_000 + client), local: address(8800)});
const readable = (...fds) => fds.map(fd => ({fd, events: 'leer'}));

const CHAT = `use std::net::TcpListener;

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:8800")?;
    let mut guests = Guests::new(listener);
    // Aquí se duerme, y solo aquí.
    loop {
        let ready = guests.wait()?;
        for fd in ready {
            if fd == guests.listener() {
                guests.welcome()?;
            } else {
                guests.hear(fd)?;
            }
        }
    }
}

impl Guests {
    fn hear(&mut self, fd: RawFd) -> io::Result<()> {
        let mut buffer = [0; 4096];
        let count = read(fd, &mut buffer)?;
        if count == 0 {
            return self.dismiss(fd);
        }
        self.broadcast(fd, &buffer[..count])
    }

    fn broadcast(&mut self, from: RawFd, bytes: &[u8]) -> io::Result<()> {
        for fd in self.others(from) {
            write(fd, bytes)?;
        }
        Ok(())
    }

    fn dismiss(&mut self, fd: RawFd) -> io::Result<()> {
        close(fd)
    }
}
`;

const at = (line, functionName, caller) => ({at: [{function: `chat::Guests::${functionName}`, file: 'chat.rs', line},
    ...caller ? [{function: 'chat::main', file: 'chat.rs', line: caller}] : []]});

// Un chat con select y dos clientes: llegan, hablan, uno no lee y uno se va.
export function chat() {
    const made = new Recorder('cargo', 'run', '--bin', 'chat', '--', '8800').source('chat.rs', CHAT);
    const wait = (slept, watch, ready) => made.sleep('pselect6', slept,
        {nfds: Math.max(...watch) + 1, watch: readable(...watch), ready: readable(...ready), result: ready.length, ...at(8, 'wait', 8)},
        `select: a dormir, con ${watch.length - 1} clientes`, `select: ${ready.length} listo${ready.length === 1 ? '' : 's'}`,
        ...ready.map(fd => fd === 3 ? 'listo: 3, el socket que escucha, para leer' : `listo: ${fd}, para leer`));
    made.call('listen', {fd: 3, backlog: 128, local: address(8800), result: 0, ...at(4, 'main')},
        'listen(3): el núcleo ya acepta conexiones por nosotros').sample([listening()]);
    wait(1_200_000, [3], [3]).sample([listening(1)]);
    made.records.at(-2).why = 'Hay una conexión en la cola de accept: aceptarla no dormirá.';
    made.call('accept4', {...accepted(1), ...at(11, 'welcome', 11)}, 'accept: cliente 1 desde 127.0.0.1:40001, descriptor 4')
        .sample([listening(), connected(1)]);
    wait(800_000, [3, 4], [3, 4]).sample([listening(1), connected(1, 5)]);
    made.call('accept4', {...accepted(2), ...at(11, 'welcome', 11)}, 'accept: cliente 2 desde 127.0.0.1:40002, descriptor 5')
        .sample([listening(), connected(1, 5), connected(2)])
        .call('recvfrom', {fd: 4, client: 1, asked: 4096, ...bytes('hola\n'), ...at(22, 'hear', 13)}, 'read(4): 5 bytes · "hola\\n"')
        .call('sendto', {fd: 5, client: 2, asked: 5, ...bytes('hola\n'), ...at(31, 'broadcast', 26)}, 'write(5): 5 de 5 bytes · "hola\\n"')
        .sample([listening(), connected(1), connected(2, 0, 0, 5)]);
    wait(400_000, [3, 4, 5], [5]).sample([listening(), connected(1), connected(2, 11)])
        .call('recvfrom', {fd: 5, client: 2, asked: 4096, ...bytes('¿qué tal?\n'), ...at(22, 'hear', 13)}, 'read(5): 12 bytes · "¿qué tal?\\n"')
        .call('sendto', {fd: 4, client: 1, asked: 12, ...bytes('¿qué '), result: 6, ...at(31, 'broadcast', 26)}, 'write(4): 6 de 12 bytes · "¿qué "')
        .sample([listening(), connected(1, 0, 6, 0), connected(2)]);
    made.records.at(-2).why = 'No cabía todo: el resto espera a que haya sitio.';
    wait(2_000_000, [3, 4, 5], [4]).sample([listening(), {...connected(1), state: 'CLOSE_WAIT'}, connected(2)])
        .call('recvfrom', {fd: 4, client: 1, asked: 4096, result: 0, ...at(22, 'hear', 13)}, 'read(4): 0 bytes, el otro extremo ya no enviará más')
        .call('close', {fd: 4, client: 1, result: 0, ...at(37, 'dismiss', 24)}, 'close(4): cliente 1: se cierra la conexión')
        .sample([listening(), connected(2)])
        .call('sendto', {fd: 5, client: 2, asked: 8, error: 'EPIPE', ...at(31, 'broadcast', 26)}, 'write(5): el otro extremo cerró');
    made.records.push({what: 'novedad', us: made.us}, {what: 'call', us: made.us += 50, thread: 1, call: 'pselect6', nfds: 6,
        watch: readable(3, 5), asleep: 'select: a dormir, con 1 cliente', ...at(8, 'wait', 8)});
    return made.records;
}

// Una web con epoll: la respuesta no cabe, y se espera a que quepa.
export function web() {
    const made = new Recorder('python3', 'servidor.py');
    const interest = (fd, events) => ({fd, events, data: fd});
    const lists = (...watch) => [{fd: 4, watch}];
    const peer = (incoming, outgoing, beyond) => ({...connected(2, incoming, outgoing, beyond), fd: 5, peer: address(40_001)});
    const place = {at: [{function: '_PyEval_EvalFrameDefault'}, {function: 'sock_send'}, {function: 'main'}]};
    made.call('listen', {fd: 3, backlog: 100, local: address(8800), result: 0}, 'listen(3): el núcleo ya acepta conexiones por nosotros')
        .call('epoll_ctl', {fd: 4, how: 'ADD', target: interest(3, 'EPOLLIN'), result: 0}, 'epoll_ctl: añadido 3, el socket que escucha, para EPOLLIN')
        .sample([listening()], lists(interest(3, 'EPOLLIN')))
        .sleep('epoll_wait', 900_000, {fd: 4, ready: [interest(3, 'EPOLLIN')], result: 1}, 'epoll_wait: a dormir', 'epoll_wait: 1 listo', 'listo: 3, el socket que escucha, para EPOLLIN')
        .sample([listening(1)], lists(interest(3, 'EPOLLIN')))
        .call('accept4', {...accepted(1), result: 5, ...place}, 'accept: cliente 1 desde 127.0.0.1:40001, descriptor 5')
        .call('epoll_ctl', {fd: 4, how: 'ADD', target: interest(5, 'EPOLLIN|EPOLLRDHUP'), result: 0}, 'epoll_ctl: añadido 5 para EPOLLIN | EPOLLRDHUP')
        .sleep('epoll_wait', 30_000, {fd: 4, ready: [interest(5, 'EPOLLIN')], result: 1}, 'epoll_wait: a dormir', 'epoll_wait: 1 listo', 'listo: 5, para EPOLLIN')
        .sample([listening(), peer(18, 0, 0)], lists(interest(3, 'EPOLLIN'), interest(5, 'EPOLLIN|EPOLLRDHUP')))
        .call('recvfrom', {fd: 5, client: 1, asked: 65_536, ...bytes('GET / HTTP/1.1\r\n\r\n')}, 'read(5): 18 bytes · "GET / HTTP/1.1\\r\\n\\r\\n"')
        .call('sendto', {fd: 5, client: 1, asked: 8_388_608, bytes: hex('HTTP/1.1 200 OK\r\n'), result: 2_565_648, ...place}, 'write(5): 2565648 de 8388608 bytes · "HTTP/1.1 200 OK\\r\\n"…')
        .sample([listening(), peer(0, 2_434_560, 131_088)], lists(interest(3, 'EPOLLIN'), interest(5, 'EPOLLIN|EPOLLRDHUP')))
        .call('sendto', {fd: 5, client: 1, asked: 5_822_960, error: 'EAGAIN', ...place}, 'write(5): no hay nada listo')
        .call('epoll_ctl', {fd: 4, how: 'MOD', target: interest(5, 'EPOLLOUT|EPOLLRDHUP'), result: 0}, 'epoll_ctl: cambiado 5 para EPOLLOUT | EPOLLRDHUP')
        .sleep('epoll_wait', 2_500_000, {fd: 4, timeout: 30_000, ready: [interest(5, 'EPOLLOUT')], result: 1}, 'epoll_wait: a dormir, con 1 cliente', 'epoll_wait: 1 listo', 'listo: 5, para EPOLLOUT')
        .sample([listening(), peer(0, 800_000, 40_000)], lists(interest(3, 'EPOLLIN'), interest(5, 'EPOLLOUT|EPOLLRDHUP')))
        .call('sendto', {fd: 5, client: 1, asked: 5_822_960, result: 5_822_960, bytes: hex('x'.repeat(40)), ...place}, 'write(5): 5822960 de 5822960 bytes')
        .call('close', {fd: 5, client: 1, result: 0}, 'close(5): cliente 1: se cierra la conexión');
    made.records.push({what: 'exit', us: made.us + 10, thread: 1, signal: 'SIGINT', say: ['El programa terminó por la señal SIGINT']});
    return made.records;
}

// Un eco con un hilo por cliente: cada uno duerme en su recv.
export function threads(count) {
    const made = new Recorder('./eco');
    made.call('listen', {fd: 3, backlog: 4096, local: address(8800), result: 0}, 'listen(3): el núcleo ya acepta conexiones por nosotros');
    for (let client = 1; client <= count; client += 1) {
        made.sleep('accept4', 50_000, accepted(client), 'accept: a dormir, hasta que alguien llame', `accept: cliente ${client}`);
        made.records.push({what: 'thread', us: made.us + 5, thread: client + 1, parent: 1, process: false, name: `eco-${client}`},
            {what: 'call', us: made.us + 10, thread: client + 1, call: 'recvfrom', fd: 3 + client, client, asleep: `hilo ${client + 1}: read(${3 + client}): a dormir, hasta que lleguen bytes`});
        made.us += 15;
    }
    for (let client = 1; client <= count; client += 1) {
        const first = made.records.find(({what, call, client: whose}) => what === 'call' && call === 'recvfrom' && whose === client);
        made.records.push({...first, took: made.us + 100 - first.us, asked: 1024, ...bytes(`soy ${client}\n`), say: [`hilo ${client + 1}: read(${3 + client})`]},
            {what: 'call', us: made.us + 120, took: 9, thread: client + 1, call: 'sendto', fd: 3 + client, client, ...sent(`soy ${client}\n`), say: [`hilo ${client + 1}: write(${3 + client})`]});
        made.us += 200;
    }
    return made.records;
}

// Muchas conexiones a la vez, en un epoll, y muchas llamadas: `turns` vueltas.
export function crowd(clients, turns) {
    const made = new Recorder('./multitud').source('bucle.c', Array.from({length: 400}, (_, line) => `    línea(${line + 1});`).join('\n'));
    made.call('listen', {fd: 3, backlog: 4096, local: address(8800), result: 0}, 'listen(3)');
    for (let client = 1; client <= clients; client += 1) {
        made.call('accept4', {...accepted(client)}, `accept: cliente ${client}`)
            .call('epoll_ctl', {fd: 2000, how: 'ADD', target: {fd: 3 + client, events: 'EPOLLIN', data: client}, result: 0}, `epoll_ctl: añadido ${3 + client}`);
    }
    for (let turn = 0; turn < turns; turn += 1) {
        const client = 1 + turn * 7 % clients;
        made.sleep('epoll_wait', 1500, {fd: 2000, ready: [{fd: 3 + client, events: 'EPOLLIN', data: client}], result: 1}, 'epoll_wait: a dormir', 'epoll_wait: 1 listo')
            .call('recvfrom', {fd: 3 + client, client, asked: 4096, ...bytes(`turno ${turn}\n`), at: [{function: 'leer', file: 'bucle.c', line: 1 + turn % 400}]}, `read(${3 + client})`)
            .call('sendto', {fd: 3 + client, client, ...sent(`respuesta ${turn}\n`), at: [{function: 'escribir', file: 'bucle.c', line: 1 + turn % 399}]}, `write(${3 + client})`);
        if (turn % Math.max(10, clients) === 0) {
            made.sample([listening(turn % 5), ...Array.from({length: clients}, (_, each) => connected(each + 1, each % 3 * 100, each % 5))]);
        }
    }
    return made.records;
}

// Lo que alguien podría enviar para estropear la página.
export function hostile() {
    const evil = '<script>window.roto = 1</script><img src=x onerror="window.roto = 2">\u202Eal revés\u0007\0';
    const made = new Recorder(evil).source(`${evil}.rs`, `${evil}\nשלום עולם // مرحبا\n</pre><h1>no</h1>`);
    const at = [{function: evil, file: `${evil}.rs`, line: 1}];
    made.call('listen', {fd: 3, local: evil, backlog: 1, result: 0, at}, evil)
        .call('accept4', {fd: 3, result: 4, client: 1, peer: evil, at: [{function: evil}]}, evil)
        .call('recvfrom', {fd: 4, client: 1, asked: 512, ...bytes(evil), at}, evil, evil)
        .call('recvfrom', {fd: 4, client: 1, asked: 512, bytes: 'ff00c3c328e2808e1b5b336d', result: 12}, `read(4): ${evil}`)
        .call('constructor', {fd: 4, how: '__proto__', error: evil})
        .sample([{...listening(), local: evil}, {...connected(1, 3), state: evil, peer: evil}], [{fd: 9, watch: [{fd: 4, events: evil}]}]);
    made.records.push({what: '__proto__'}, null, 7, {what: 'omitted', us: made.us, count: 12_345},
        {what: 'thread', us: made.us, thread: 2, parent: 1, process: true, name: evil},
        {what: 'call', us: made.us + 9, took: 1, thread: 2, call: 'close', fd: 4, client: 1, result: 0, say: ['último']});
    return made.records;
}
