// Webs sobre el módulo http de Node: el argumento dice cuál.
const http = require('node:http')

const which = process.argv[2]
const page = '¡Hola desde EpollServer!\n'
const options = { maxHeaderSize: 8192, noDelay: true, keepAliveTimeout: 60000 }
if (which !== 'por_defecto') {
  Object.assign(options, { headersTimeout: 8000, requestTimeout: 8000, connectionsCheckingInterval: 500 })
}
const server = http.createServer(options, (request, response) => {
  const hosts = request.rawHeaders.filter((it, i) => i % 2 === 0 && it.toLowerCase() === 'host')
  if (hosts.length > 1 && which !== 'por_defecto') {
    response.writeHead(400, { Connection: 'close' })
    return response.end('Un Host, y no dos.\n')
  }
  request.resume()
  const length = which === 'longitud_en_caracteres' ? page.length : Buffer.byteLength(page)
  const head = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Length': length }
  if (which === 'cierra_siempre') head.Connection = 'close'
  const answer = () => { response.writeHead(200, head); response.end(page) }
  request.on('end', answer)
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () =>
  console.log(`Escuchando en 127.0.0.1:${server.address().port}`))
process.on('SIGINT', () => process.exit(0))
