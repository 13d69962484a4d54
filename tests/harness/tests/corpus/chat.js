// Chats en Node: el argumento dice en qué se aparta del de siempre.
const net = require('node:net')

const which = process.argv[2]
const MOST = 65536
const members = new Set()
const frame = text => {
  const body = Buffer.from(text)
  const head = Buffer.alloc(4)
  head.writeUInt32BE(which === 'cuenta_caracteres' ? text.length : body.length)
  return Buffer.concat([head, body])
}
const who = it => `${it.name}@${it.ip}`
const controls = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/g
const good = /^(?! )[^\p{C}\p{Zl}\p{Zp}@[\]<>#]{1,32}(?<! )$/u

function send(it, text) {
  if (it.socket.destroyed) return
  it.socket.write(frame(text))
  if (which === 'expulsa' && it.socket.writableLength > 1 << 20) it.socket.destroy()
}

function tell(author, text) {
  for (const it of members) if (it !== author) send(it, text)
}

// Contrapresión: mientras a alguien le quede mucho por leer, nadie habla; a quien no lee, se le echa.
const full = () => [...members].filter(it => it.socket.writableLength > MOST)
function slowDown() {
  if (which === 'sin_limite' || which === 'expulsa') return
  for (const it of full()) {
    it.timer ??= setTimeout(() => it.socket.destroy(), 8000)
    it.socket.once('drain', () => { clearTimeout(it.timer); it.timer = undefined; speedUp() })
  }
  if (full().length) for (const it of members) it.socket.pause()
}
function speedUp() {
  if (full().length) return
  for (const it of members) { it.socket.resume(); it.decode() }
}

function leave(it) {
  clearTimeout(it.timer)
  if (!members.delete(it)) return
  tell(it, `(Desconectado: cliente ${who(it)})`)
  speedUp()
}

function refuse(it, why) {
  it.over = true
  it.socket.end(frame(`ERROR: ${why}`))
  leave(it)
  if (which === 'destruye') setImmediate(() => it.socket.destroy())
  it.socket.resume()
}

function hear(it, text) {
  if (it.name) {
    const line = `#[${who(it)}]>> ${text.replace(controls, '\ufffd')}`
    if (Buffer.byteLength(line) > MOST) return send(it, 'ERROR: con tu nombre delante no cabe')
    tell(it, line)
    return slowDown()
  }
  const name = text.startsWith('NAME: ') ? text.slice(6) : ''
  const fold = s => s.toLowerCase()
  const taken = ['servidor', ...[...members].map(m => fold(m.name))]
  if (!good.test(name) || taken.includes(fold(name))) return refuse(it, 'ese nombre no vale')
  it.name = name
  tell(it, `(Conectado: nuevo cliente (${members.size + 1}) desde ${who(it)})`)
  send(it, `CLIENT: ${which === 'con_puerto' ? it.ip + ':1' : it.ip}`)
  members.add(it)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const server = net.createServer({ allowHalfOpen: true, noDelay: true }, socket => {
  const it = { socket, ip: socket.remoteAddress, data: Buffer.alloc(0) }
  it.decode = () => {
    takeFrames()
    if (it.ended && !it.over && (which === 'olvida_lo_guardado' || !socket.isPaused())) {
      it.over = true
      leave(it)
      socket.end()
    }
  }
  const takeFrames = () => {
    while (!it.over && !socket.isPaused() && it.data.length >= 4) {
      const length = it.data.readUInt32BE()
      if (length > MOST) return refuse(it, 'es demasiado largo')
      if (it.data.length < 4 + length) return
      const body = it.data.subarray(4, 4 + length)
      it.data = it.data.subarray(4 + length)
      try { hear(it, strict.decode(body)) } catch { refuse(it, 'no es UTF-8') }
    }
  }
  socket.on('data', data => {
    if (it.over) return
    it.data = Buffer.concat([it.data, data])
    it.decode()
  })
  // Mientras los demás no lean, lo que dijo antes de cerrar su lado espera en «data».
  socket.on('end', () => { it.ended = true; it.decode(); if (it.over) socket.end() })
  socket.on('close', () => leave(it))
  socket.on('error', () => socket.destroy())
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 1024 }, () =>
  console.log(`Escuchando en 127.0.0.1:${server.address().port}`))
process.on('SIGINT', () => process.exit(0))
