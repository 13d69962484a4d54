// Ecos en Node: el argumento dice cuál.
const net = require('node:net')

const which = process.argv[2]
const handlers = {
  bien: s => s.pipe(s),
  guarda_todo: s => { s.on('data', d => s.write(d)); s.on('end', () => s.end()) },
  destruye: s => { s.on('data', d => s.write(d)); s.on('end', () => s.destroy()) },
  texto: s => { s.setEncoding('utf8'); s.on('data', d => s.write(d)); s.on('end', () => s.end()) },
  no_cierra: s => s.on('data', d => s.write(d)),
  sin_error: s => s.pipe(s),
}
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, s => {
  if (which !== 'sin_error') s.on('error', () => s.destroy())
  handlers[which](s)
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () =>
  console.log(`Escuchando en 127.0.0.1:${server.address().port}`))
process.on('SIGINT', () => process.exit(0))
