// Compression on both transports, with stock clients and by hand. Every case
// runs against Node's stock server too; where ours does more, the case says so.

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { gunzipSync, inflateSync } from 'node:zlib'
import { WebSocket } from 'ws'
import { TOKEN } from '../lib/backend.mjs'
import { connect, newestVariants, variants } from '../lib/client.mjs'
import { Session, endpoint, packets } from '../lib/engine.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { POLLING, WEBSOCKET, UPGRADE, ask } from '../lib/http.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { Mailbox, next } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const socketio = { websocket_compression: { enabled: true } }
const servers = { ours: await startServer({ config: { socketio } }), stock: await startServer({ config: { socketio }, bin: STOCK }) }
const plain = { ours: await startServer(), stock: await startServer({ bin: STOCK }) }
for (const server of [...Object.values(servers), ...Object.values(plain)]) after(() => server.stop())

const DEFLATE = 'permessage-deflate'
const prose = 'the quick brown fox jumps over the lazy dog, '.repeat(1_000)
const zeros = Buffer.alloc(50_000)
const noise = randomBytes(20_000)
const cases = {
  'small': ['hello'],
  'text': [prose],
  'binary': [zeros],
  'binary that cannot be compressed': [noise],
  'binary within JSON': [{ list: [zeros, { deep: noise }], name: prose }],
  'empty binary': [prose, Buffer.alloc(0)],
}

const to = ({ id }) => ({ connection_ids: [id] })
const websocketVariants = variants.filter(({ transport }) => transport !== 'polling')
const [polling, websocket] = ['polling', 'websocket'].map((name) => newestVariants.find(({ transport }) => transport === name))
const offering = (perMessageDeflate) => ({ perMessageDeflate })
const socketOf = (client) => client.engine.transport.ws

// bytesOf is how many bytes come over a WebSocket until an event has come.
async function bytesOf(client, name, send) {
  const { _socket: tcp } = socketOf(client)
  const before = tcp.bytesRead
  await send()
  await client.event(name)
  return tcp.bytesRead - before
}

// ---- stock clients

for (const [whose, server] of Object.entries(servers)) {
  for (const variant of websocketVariants) {
    test(`${whose}, ${variant.name}: values of every kind, both ways`, async (t) => {
      const client = await connect(t, server, variant, offering(true))
      assert.ok(DEFLATE in socketOf(client)._extensions)
      for (const [what, args] of Object.entries(cases)) {
        assert.deepEqual(await client.ask('echo', ...args), args, what)
        await server.api.send({ target: to(client), event: eventOf(what, ...args) })
        assert.deepEqual(await client.event(what), args, what)
      }
    })
  }

  test(`${whose}: large events become small`, async (t) => {
    const client = await connect(t, server, websocket, offering(true))
    const send = (name, event) => bytesOf(client, name, () => server.api.send({ target: to(client), event }))
    assert.ok(await send('text', eventOf('text', prose)) < prose.length / 20)
    assert.ok(await send('binary', eventOf('binary', zeros)) < zeros.length / 20)
    const incompressible = await send('noise', eventOf('noise', noise))
    assert.ok(incompressible > noise.length && incompressible < noise.length + 200)
  })

  test(`${whose}: a client that does not offer it, and one on polling, get the same`, async (t) => {
    const clients = await Promise.all([
      connect(t, server, websocket, offering(true)), connect(t, server, websocket, offering(false)), connect(t, server, polling),
    ])
    assert.ok(!(DEFLATE in socketOf(clients[1])._extensions))
    for (const [what, args] of Object.entries(cases)) {
      await server.api.send({ target: { rooms: ['news'] }, event: eventOf(what, ...args) })
      for (const client of clients) assert.deepEqual(await client.event(what), args, what)
    }
    const send = () => server.api.send({ target: to(clients[1]), event: eventOf('alone', prose) })
    assert.ok(await bytesOf(clients[1], 'alone', send) > prose.length)
  })
}

for (const [whose, server] of Object.entries(plain)) {
  test(`${whose}: off by default on WebSockets`, async (t) => {
    const client = await connect(t, server, websocket, offering(true))
    assert.ok(!(DEFLATE in socketOf(client)._extensions))
    assert.deepEqual(await client.ask('echo', prose, zeros), [prose, zeros])
  })
}

test('ours: compress(false) holds for WebSockets as well, wherever an event comes from', async (t) => {
  const { ours } = servers
  const client = await connect(t, ours, websocket, offering(true))
  for (const [compress, small] of [[undefined, true], [true, true], [false, false]]) {
    const event = { ...eventOf(`compress ${compress}`, prose), compress }
    const bytes = await bytesOf(client, event.name, () => ours.api.send({ target: to(client), event }))
    assert.equal(bytes < prose.length, small, `compress: ${compress} takes ${bytes} bytes`)
  }
  const last = { ...eventOf('last', prose), compress: false }
  assert.ok(await bytesOf(client, 'last', () => ours.api.disconnect({ target: to(client), last_event: last })) > prose.length)
})

test('ours: so do the first events, from Authenticate', async (t) => {
  const world = await startWorld({ config: { socketio } })
  for (const [compress, small] of [[undefined, true], [false, false]]) {
    const auth = { token: TOKEN, events: [['first', prose]], compress }
    const client = await connect(t, world.server, websocket, { ...offering(true), auth })
    assert.deepEqual(await client.event('first'), [prose])
    assert.equal(socketOf(client)._socket.bytesRead < prose.length, small)
  }
})

test('ours: a broadcast is compressed once', async (t) => {
  const { ours } = servers
  const counted = async () => {
    const text = await (await fetch(`${ours.adminUrl}/metrics`)).text()
    return ['input', 'output'].map((way) =>
      Number(text.match(new RegExp(`^realtime_engine_compression_${way}_bytes_total\\{transport="websocket"\\} (.*)$`, 'm'))?.[1]))
  }
  const clients = await Promise.all(Array.from({ length: 5 }, () => connect(t, ours, websocket, offering(true))))
  const before = await counted()
  await ours.api.send({ target: { connection_ids: clients.map(({ id }) => id) }, event: eventOf('all', prose) })
  for (const client of clients) assert.deepEqual(await client.event('all'), [prose])
  const [input, output] = (await counted()).map((value, i) => value - before[i])
  assert.ok(input > prose.length && input < prose.length * 1.1, `${input} bytes were compressed`)
  assert.ok(output > 0 && output < prose.length / 20, `${output} bytes came out`)
})

// ---- WebSockets by hand

// dial opens a WebSocket with these options of ws, and joins `/`.
async function dial(t, server, options) {
  const socket = new WebSocket(endpoint(server, { transport: 'websocket' }).replace('http', 'ws'), options)
  t.after(() => socket.terminate())
  socket.on('error', () => {}) // 'close' follows
  const frames = new Mailbox()
  socket.on('message', (data, binary) => frames.put(binary ? data : String(data)))
  await next(socket, 'open')
  socket.send('40')
  const joined = await frames.find((frame) => String(frame).startsWith('40'), 'CONNECT')
  return { socket, frames, id: JSON.parse(joined.slice(2)).sid }
}

for (const [whose, server] of Object.entries(servers)) {
  test(`${whose}: fragments of a compressed message, with pings in between`, async (t) => {
    const { socket, frames } = await dial(t, server, { perMessageDeflate: { threshold: 0 } })
    const message = `421${JSON.stringify(['echo', prose])}`
    const pongs = new Mailbox()
    socket.on('pong', (data) => pongs.put(String(data)))
    for (let at = 0, n = 0; at < message.length; at += 9_000, n += 1) {
      socket.send(message.slice(at, at + 9_000), { compress: true, fin: at + 9_000 >= message.length })
      socket.ping(`${n}`)
    }
    assert.equal(await frames.find((frame) => frame.startsWith('431'), 'acknowledgement'), `431${JSON.stringify([prose])}`)
    await pongs.find((data) => data === '5', 'the last pong') // pings that come together may have one answer (RFC 6455, section 5.5.3)
    assert.deepEqual(pongs.items, pongs.items.toSorted())
  })

  test(`${whose}: a client without context takeover, and with a small window of its own`, async (t) => {
    for (const options of [{ clientNoContextTakeover: true, serverNoContextTakeover: true }, { clientMaxWindowBits: 9 }]) {
      const { socket, frames } = await dial(t, server, { perMessageDeflate: { threshold: 0, ...options } })
      for (const id of [1, 2, 3]) {
        socket.send(`42${id}${JSON.stringify(['echo', prose])}`)
        assert.equal(await frames.find((frame) => frame.startsWith(`43${id}`), 'acknowledgement'), `43${id}${JSON.stringify([prose])}`)
      }
    }
  })

  test(`${whose}: a client that wants our window small`, async (t) => {
    const { socket, frames, id } = await dial(t, server, { perMessageDeflate: { serverMaxWindowBits: 11 } })
    assert.match(socket.extensions, /permessage-deflate/)
    const values = [prose.slice(0, 1_500), prose, noise.toString('hex')]
    for (const value of values) await server.api.send({ target: { connection_ids: [id] }, event: eventOf('x', value) })
    for (const value of values) await frames.find((frame) => frame === `42${JSON.stringify(['x', value])}`, 'event')
  })

  test(`${whose}: ten megabytes in ten kilobytes end the session`, async (t) => {
    const { socket } = await dial(t, server, { perMessageDeflate: { threshold: 0 } })
    socket.send(Buffer.alloc(10_000_000), { compress: true })
    const [code] = await next(socket, 'close')
    assert.equal(code, 1009)
    const other = await dial(t, server, { perMessageDeflate: true })
    assert.equal(other.socket.readyState, WebSocket.OPEN)
  })

  test(`${whose}: what is no compressed data ends the session`, async (t) => {
    const { socket } = await dial(t, server, { perMessageDeflate: true })
    socket._socket.write(Buffer.from('c18300000000ffffff', 'hex')) // a block of a kind that does not exist
    const [code] = await next(socket, 'close')
    assert.equal(code, 1007)
  })
}

const offers = {
  'permessage-deflate; client_max_window_bits': DEFLATE,
  'x-webkit-deflate-frame, permessage-deflate': DEFLATE,
  'permessage-deflate; server_max_window_bits=10': DEFLATE,
  'permessage-bzip2': undefined,
  'permessage-deflate; client_max_window_bits=99': undefined,
  'permessage-deflate; nonsense': undefined,
  'permessage-deflate; =': undefined,
}
for (const [offer, accepted] of Object.entries(offers)) {
  test(`ours: the offer ${offer} never keeps a client out`, async () => {
    const answer = await ask(servers.ours, WEBSOCKET, { headers: { ...UPGRADE, 'sec-websocket-extensions': offer } })
    assert.equal(answer.status, 101)
    assert.equal(answer.headers['sec-websocket-extensions']?.split(';')[0], accepted)
  })
}

// ---- polling

const unpack = { gzip: gunzipSync, deflate: inflateSync, undefined: (bytes) => bytes }

// polled is what a poll is answered with that finds these events.
async function polled(server, accept, ...events) {
  const session = await Session.open(server)
  const { sid } = JSON.parse((await session.connect()).slice(2))
  for (const event of events) await server.api.send({ target: { connection_ids: [sid] }, event })
  const headers = accept === undefined ? {} : { 'accept-encoding': accept }
  const answer = await ask(server, `${POLLING}&sid=${session.handshake.sid}`, { headers })
  const coding = answer.headers['content-encoding']
  assert.equal(answer.status, 200)
  assert.match(answer.headers['content-type'], /^text\/plain/)
  return { ...answer, coding, text: String(unpack[coding](answer.bytes)) }
}

const varies = ({ headers }) => (headers.vary ?? '').includes('Accept-Encoding')

const accepts = {
  'gzip, deflate, br, zstd': 'gzip',
  'deflate, gzip': undefined, // Node takes the client's order, ours its own
  'deflate': 'deflate',
  'gzip;q=0.2, deflate;q=0.8': 'deflate',
  'gzip;q=0': undefined,
  'GZIP': 'gzip',
  '*': 'gzip',
  'br': undefined,
  'identity': undefined,
  '': undefined,
  ';q=,,=;': undefined,
  [`${'x, '.repeat(2_000)}gzip`]: 'gzip',
}
for (const [whose, server] of Object.entries(plain)) {
  test(`${whose}: polling answers are compressed as Accept-Encoding says, by default`, async (t) => {
    for (const [accept, coding] of Object.entries(accepts)) {
      await t.test(accept.slice(0, 40), async () => {
        const answer = await polled(server, accept, eventOf('text', prose))
        if (accept === 'deflate, gzip') assert.equal(answer.coding, whose === 'ours' ? 'gzip' : 'deflate')
        else assert.equal(answer.coding, coding)
        assert.equal(answer.text, `42${JSON.stringify(['text', prose])}`)
        assert.equal(answer.bytes.length < prose.length / 20, Boolean(answer.coding))
        if (whose === 'ours') assert.ok(varies(answer))
      })
    }
    assert.equal((await polled(server, undefined, eventOf('text', prose))).coding, undefined)
  })

  test(`${whose}: small answers, and events with compress(false), are not`, async () => {
    const text = (size) => eventOf('x', 'a'.repeat(size - '42["x",""]'.length))
    const uncompressed = (event) => ({ ...event, compress: false })
    for (const [coding, ...events] of [
      [undefined, text(1_023)],
      ['gzip', text(1_024)],
      [undefined, uncompressed(text(5_000))],
      [undefined, uncompressed(text(5_000)), uncompressed(eventOf('y'))],
      ['gzip', uncompressed(text(5_000)), eventOf('y')], // one that may be is enough
    ]) {
      const answer = await polled(server, 'gzip', ...events)
      assert.equal(answer.coding, coding)
      assert.equal(packets(answer.text).length, events.length)
      if (whose === 'ours') assert.equal(varies(answer), Boolean(coding))
    }
  })

  test(`${whose}: a stock client on polling, values of every kind`, async (t) => {
    const client = await connect(t, server, polling, { extraHeaders: { 'accept-encoding': 'identity' } })
    for (const [what, args] of Object.entries(cases)) assert.deepEqual(await client.ask('echo', ...args), args, what)
  })
}

for (const config of [{ http_compression: { enabled: false } }, { http_compression: { threshold: 60_000 } }]) {
  test(`polling with ${JSON.stringify(config)}`, async () => {
    for (const bin of [undefined, STOCK]) {
      const server = await startServer({ config: { socketio: config }, bin })
      try {
        assert.equal((await polled(server, 'gzip', eventOf('text', prose))).coding, undefined)
      } finally {
        await server.stop()
      }
    }
  })
}
