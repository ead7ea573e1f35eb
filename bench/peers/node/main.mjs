// Node's Socket.IO server, over ws, with what the benchmark needs: an echo with
// acknowledgement, and the control door of bench/internal/control. Start it
// with --expose-gc.
import { createServer } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { Server } from 'socket.io'
import { door, listen } from './door.mjs'

const http = createServer()
const io = new Server(http, { transports: ['websocket'], serveClient: false })
io.on('connection', socket => socket.on('echo', (value, ack) => ack(value)))

// broadcast emits as many events at once as the order says, and waits until
// the sockets have taken them before it goes on.
async function broadcast({ first, count, bytes, parallel }) {
  const text = 'x'.repeat(bytes)
  const end = first + count
  for (let n = first; n < end;) {
    for (const group = Math.min(end, n + parallel); n < group; n++) io.emit('n', n, text)
    await written()
  }
}

async function written() {
  do await setImmediate(); while (waiting())
}

function waiting() {
  for (const socket of io.of('/').sockets.values()) {
    if (socket.conn.writeBuffer.length > 0) return true
  }
  return false
}

listen(http, 'http')
door({
  '/broadcast': broadcast,
  '/end': () => io.emit('end'),
  '/collect': () => globalThis.gc(),
})
