// El navegador y el libro servido, para las pruebas.

import {spawn} from 'node:child_process';
import {createInterface} from 'node:readline';
import {existsSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {test as testNode} from 'node:test';
import {chromium} from 'playwright-core';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking',
    '--disable-component-update', '--disable-sync'];

// Para lo que no acaba nunca: cada cosa que se espera tiene además su límite, y dice cuál es.
const TEST_LIMIT = 1_200_000;

// Una prueba con límite. El conjunto no lo tiene: cuántas haya no dice nada de ninguna.
export function test(name, work) {
    return testNode(name, {timeout: TEST_LIMIT}, work);
}

// Por qué no se puede probar aquí; `undefined`, si se puede.
export function missing() {
    return existsSync(CHROMIUM) ? undefined : `falta ${CHROMIUM}: instala el paquete «chromium»`;
}

// Un Chromium con un perfil nuevo, que se tira al cerrarlo.
export function launch() {
    return chromium.launch({executablePath: CHROMIUM, args: FLAGS});
}

// Sirve el libro con `cargo libro --servir` y devuelve su dirección y cómo terminarlo.
export async function serve() {
    const order = ['run', '--quiet', '--package', 'libro', '--bin', 'libro', '--',
        '--servir', '--no-abrir', '--port', '0'];
    const server = spawn('cargo', order, {cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit']});
    const address = await new Promise((resolve, reject) => {
        server.once('exit', () => reject(new Error('cargo libro --servir terminó sin decir dónde escucha')));
        createInterface(server.stdout).on('line', line => {
            const found = line.match(/^Escuchando en (.+)$/);
            if (found) {
                resolve(found[1]);
            }
        });
    });
    return {url: `http://${address}/`, stop: () => server.kill('SIGTERM')};
}
