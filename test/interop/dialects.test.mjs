// Clients that speak another dialect: those of Socket.IO 2, and those with
// socket.io-msgpack-parser. Every case runs against Node's stock server too, so
// that both are used to the same.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { Client, MSGPACK, connect, msgpackVariants, newestVariants, refused, secondVariants } from '../lib/client.mjs'
import { eventOf, valueOf } from '../lib/grpc.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const backend = await startBackend()
const namespaces = { '/': {}, '/chat': {} }
const second = { namespaces, socketio: { allow_eio3: true } }
const msgpack = { namespaces, http: { msgpack_paths: [MSGPACK] } }
const servers = []
async function start(config, bin) {
  const server = await startServer({ backend, config, bin })
  servers.push(server)
  return server
}
after(async () => {
  await Promise.all(servers.map((server) => server.stop())).finally(backend.stop)
})
const ours = await start({ ...msgpack, socketio: { ...second.socketio, ping_interval: '300ms', ping_timeout: '400ms' } })
const stockSecond = await start(second, STOCK)
const stockMsgpack = await start(msgpack, STOCK) // which speaks nothing else

const auth = { token: TOKEN }
const bytes = Buffer.from([0, 1, 0x1e, 0x7f, 0x80, 0xff, 10, 13])

// Everything that JSON can say, and bytes. Integers from 2^64 on are what
// notepack.io gets wrong.
const values = {
  'falsy values': [0, '', false, null],
  'no arguments': [],
  'unicode': ['ünïcödé', '漢字', '🙂👩‍👩‍👧', '\u2028\u2029\0', 'a\x1eb', '"\\'],
  'nested objects': [{ a: [{ b: { c: [[], {}] } }] }, [[1], [2, [3]]], { '': 1, ' ': 2 }],
  'numbers': [1.5, -1, 1e15, 1e-21, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 5e-324, 127, 128, -32, -33, 65536, 2 ** 32, -(2 ** 31)],
  'text like a packet': ['42["x"]', '51-["x",{"_placeholder":true,"num":0}]', 'b4AAEC', '1:2'],
  'long texts': ['x'.repeat(31), 'x'.repeat(32), '🙂'.repeat(100), 'ü'.repeat(70_000)],
  'many elements': [Array.from({ length: 70_000 }, (_, n) => n % 300)],
  'a binary argument': [bytes],
  'no bytes at all': [Buffer.alloc(0)],
  'binary between others': [1, bytes, 'x🙂', Buffer.from('second')],
  'nested binary': [{ list: [bytes, { deep: Buffer.from('deep') }], name: 'x' }, 'plain', [Buffer.from('z')]],
  'much binary': [Buffer.alloc(70_000, 7)],
}

// What no JSON can say, and what becomes of it where JSON.stringify is asked.
const beyond = [
  { date: new Date(0), none: undefined, both: [undefined, new Date(1_795_374_728_041)] },
  { date: '1970-01-01T00:00:00.000Z', both: [null, '2026-11-22T19:12:08.041Z'] },
]

// well asks clients, and returns what each of them answers.
async function well(server, target) {
  const [, ...results] = await server.api.sendWithAck({ target, event: eventOf('well?', bytes), timeout: { seconds: 5 } })
  return results.map(({ ack }) => ack.args.map(valueOf))
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)

const cases = {
  async 'connects on the transport asked for'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    assert.equal(client.engine.transport.name, variant.transport === 'upgrade' ? 'websocket' : variant.transport)
    assert.deepEqual(await client.ask('echo', 1, 'two'), [1, 'two'])
    const { request } = await backend.of('Authenticate', client.id)
    assert.equal(request.context.namespace, '/')
    assert.equal(client.id.length, 20)
    assert.equal(client.id === client.engine.id, Boolean(variant.second), 'ids of Socket.IO 2 are derived')
  },

  async 'values from the client to the backend and back'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    for (const [what, args] of Object.entries(values)) {
      assert.deepEqual(await client.ask('echo', ...args), args, what)
      await backend.of('OnEvent', client.id, ({ event }) => event.name === 'echo' && same(event.args.map(valueOf), args))
    }
  },

  async 'values from Send to the client'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    for (const [what, args] of Object.entries(values)) {
      const { report } = await server.api.send({ target: { connection_ids: [client.id] }, event: eventOf(what, ...args) })
      assert.equal(report.matched, '1')
      assert.deepEqual(await client.event(what), args, what)
    }
  },

  async 'many acknowledgements at once, each its own answer'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    const numbers = Array.from({ length: 50 }, (_, n) => n)
    assert.deepEqual(await Promise.all(numbers.map((n) => client.ask('echo', n, bytes))), numbers.map((n) => [n, bytes]))
  },

  async 'the server asks for an acknowledgement'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    client.socket.once('well?', (question, answer) => answer(question, { list: [bytes] }, '🙂'))
    assert.deepEqual(await well(server, { connection_ids: [client.id] }), [[bytes, { list: [bytes] }, '🙂']])
  },

  async 'what is emitted before the connection arrives after it'(t, server, variant) {
    const client = new Client(t, server, variant, { auth: { ...auth, events: [['welcome', { n: 1 }]] } })
    const early = client.ask('echo', 'early')
    await client.connected()
    assert.deepEqual(await early, ['early'])
    assert.deepEqual(client.inbox.items, [['welcome', { n: 1 }]])
  },

  async 'a refusal says why'(t, server, variant) {
    const error = await refused(t, server, variant, { auth: { token: 'wrong' } })
    const data = { code: 'BAD_TOKEN', reason: 'The token is not valid', temporary: false }
    if (variant.second) return assert.deepEqual(error, data)
    assert.equal(error.message, 'The token is not valid')
    assert.deepEqual(error.data, data)
  },

  async 'another namespace over the same connection'(t, server, variant) {
    const root = await connect(t, server, variant, { auth })
    const query = { auth: JSON.stringify({ ...auth, user: 'ann' }), more: 'a b&c' }
    const chat = root.socket.io.socket('/chat', variant.second ? { query } : { auth: { ...auth, user: 'ann' } })
    t.after(() => chat.disconnect())
    await next(chat, 'connect')
    const { id } = chat
    if (variant.second) assert.equal(id, `/chat#${root.engine.id}`)
    const { request } = await backend.of('Authenticate', id)
    assert.equal(request.context.namespace, '/chat')
    if (variant.second) assert.deepEqual(JSON.parse(request.handshake.claims.auth_json), query)

    const only = next(chat, 'only')
    await server.api.send({ target: { namespace: '/chat', connection_ids: [id] }, event: eventOf('only', 'chat', bytes) })
    assert.deepEqual(await only, ['chat', bytes])
    chat.disconnect()
    await backend.of('OnDisconnected', id)
    assert.deepEqual(await root.ask('echo', 'without chat'), ['without chat'])
    assert.deepEqual(root.inbox.items, [], 'nothing of /chat came to /')
  },

  async 'an unknown namespace is refused'(t, server, variant) {
    const root = await connect(t, server, variant, { auth })
    const nowhere = root.socket.io.socket('/nowhere', {})
    t.after(() => nowhere.disconnect())
    const [error] = await next(nowhere, root.refusal)
    assert.equal(error.message, 'Invalid namespace')
    assert.deepEqual(await root.ask('echo', 'still here'), ['still here'])
  },

  async 'Disconnect for good'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    const { id, engine } = client
    const closed = next(engine, 'close')
    const ended = next(client.socket, 'disconnect')
    await server.api.disconnect({ target: { connection_ids: [id] }, last_event: eventOf('goodbye', { why: 'too loud' }) })
    assert.equal((await ended)[0], 'io server disconnect')
    assert.deepEqual(client.inbox.items, [['goodbye', { why: 'too loud' }]])
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'server namespace disconnect')
    await closed
  },

  async 'Disconnect to come back'(t, server, variant) {
    const client = await connect(t, server, variant, { auth })
    const { id } = client
    const ended = next(client.socket, 'disconnect')
    await server.api.disconnect({
      target: { connection_ids: [id] }, allow_reconnect: true, last_event: eventOf('back soon', bytes),
    })
    assert.equal((await ended)[0], 'transport close')
    assert.deepEqual(client.inbox.items, [['back soon', bytes]])
    await next(client.socket, 'connect')
    assert.notEqual(client.id, id)
    assert.deepEqual(await client.ask('echo', 'again'), ['again'])
  },

  async 'the backend hears why a client has gone'(t, server, variant) {
    const polite = await connect(t, server, variant, { auth })
    const rude = await connect(t, server, variant, { auth, reconnection: false })
    const ids = [polite.id, rude.id]
    polite.socket.disconnect()
    rude.engine.close()
    const reasons = await Promise.all(ids.map(async (id) => (await backend.of('OnDisconnected', id)).request.reason))
    assert.deepEqual(reasons, ['client namespace disconnect', 'transport close'])
  },
}

for (const [name, run] of Object.entries(cases)) {
  for (const [variants, stock] of [[secondVariants, stockSecond], [msgpackVariants, stockMsgpack]]) {
    for (const variant of variants) {
      test(`stock: ${variant.name}: ${name}`, (t) => run(t, stock, variant))
      test(`ours: ${variant.name}: ${name}`, (t) => run(t, ours, variant))
    }
  }
}

// Only ours: Node's parsers each have a server of their own.
test('one broadcast to clients of every dialect and transport', async (t) => {
  const variants = [...newestVariants, ...msgpackVariants, ...secondVariants]
  const room = 'everybody'
  const clients = await Promise.all(variants.map((variant) => connect(t, ours, variant, { auth: { ...auth, rooms: [room] } })))
  for (const [what, args] of Object.entries(values)) {
    const { report } = await ours.api.send({
      target: { rooms: [room] }, event: eventOf(what, ...args), report_level: 'REPORT_LEVEL_WRITTEN',
    })
    assert.deepEqual([report.matched, report.written], [String(variants.length), String(variants.length)])
    const heard = await Promise.all(clients.map((client) => client.event(what)))
    heard.forEach((got, i) => assert.deepEqual(got, args, `${variants[i].name}: ${what}`))
  }
  for (const { socket } of clients) socket.once('well?', (question, answer) => answer(question, '🙂'))
  assert.deepEqual(await well(ours, { rooms: [room] }), variants.map(() => [bytes, '🙂']))
})

test('a backend sees the same of all dialects', async (t) => {
  for (const variant of [...newestVariants, ...msgpackVariants, ...secondVariants]) {
    const client = await connect(t, ours, variant, { auth })
    assert.deepEqual(await client.ask('echo', beyond[0]), [beyond[1]], variant.name)
    const { request } = await backend.of('OnEvent', client.id, ({ event }) => event.name === 'echo')
    assert.equal(request.event.args[0].json, JSON.stringify(beyond[1]), variant.name)
    const buffers = new Uint8Array([7, 8, 9])
    assert.deepEqual(await client.ask('echo', buffers.buffer, { x: buffers.buffer }), [Buffer.from(buffers), { x: Buffer.from(buffers) }])
  }
})

test('heartbeats keep clients of every dialect, and silence ends them', async (t) => {
  const variants = [...msgpackVariants, ...secondVariants]
  const clients = await Promise.all(variants.map((variant) => connect(t, ours, variant, { auth })))
  const ids = clients.map(({ id }) => id)
  const start = Date.now()
  await until(() => Date.now() - start > 1_500, 'two lives without a heartbeat')
  assert.deepEqual(clients.map(({ id }) => id), ids)
  for (const { engine, socket } of clients) {
    socket.io.reconnection(false)
    engine.sendPacket = engine._sendPacket = () => {} // neither ping nor pong
  }
  const reasons = await Promise.all(ids.map(async (id) => (await backend.of('OnDisconnected', id)).request.reason))
  // The client may give up before the server does.
  for (const reason of reasons) assert.match(reason, /^(ping timeout|transport close)$/)
})
