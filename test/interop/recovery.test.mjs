// Connection state recovery: stock clients that lose their connection get back
// what they were and what they missed. What Node's server does, too, runs
// against it as well.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { MSGPACK, connect, msgpackVariants, newestVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startProxy } from '../lib/proxy.mjs'
import { STOCK, startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const backend = await startBackend()
const namespaces = { '/': {}, '/chat': {} }
const enabled = { namespaces, socketio: { recovery: { enabled: true } } }
const brief = { namespaces, socketio: { recovery: { enabled: true, max_disconnection: '200ms' } } }
const servers = []
const start = async (config, bin) => {
  servers.push(await startServer({ backend, config, bin }))
  return servers.at(-1)
}
after(() => Promise.all(servers.map((server) => server.stop())).finally(backend.stop))
const ours = await start({ ...enabled, http: { msgpack_paths: [MSGPACK] } })
const stock = await start(enabled, STOCK)
const stockMsgpack = await start({ ...enabled, http: { msgpack_paths: [MSGPACK] } }, STOCK)
const briefs = { ours: await start(brief), stock: await start(brief, STOCK) }

const auth = { token: TOKEN, user: 'ada' }
const bytes = Buffer.from([0, 1, 0x1e, 0xff])
const OFFSET = /^[0-9]+-[0-9]+$/

let rooms = 0
const fresh = () => `recovery ${rooms += 1}`
const send = (server, target, ...event) => server.api.send({ target, event: eventOf(...event) })

// withoutOffset are the events that a client has got, without the argument that
// recovery adds.
const withoutOffset = ({ inbox }) => inbox.items.map((event) => event.slice(0, -1))

// leave has a client lose its connection and stay away; back has it return. A
// server that does not know yet that the connection is lost recovers nothing,
// neither Node's nor ours.
async function leave(client, lose = () => client.engine.close()) {
  const { id } = client
  forgetEnds(id)
  client.socket.io.reconnection(false)
  const noticed = next(client.socket, 'disconnect')
  await lose()
  await Promise.all([noticed, backend.of('OnDisconnected', id)])
}

// leaveInTheMiddle is leave with what is sent meanwhile lost on the way. A
// polling client sees that its poll has no answer, and says so; nobody must cut
// it short.
async function leaveInTheMiddle(client, proxy, meanwhile) {
  await leave(client, async () => {
    proxy.swallow()
    await meanwhile()
    if (client.transport !== 'polling') proxy.cut()
  })
  proxy.cut()
}

// forgetEnds forgets earlier ends of a connection.
function forgetEnds(id) {
  const { items } = backend.calls
  const isOld = ({ method, request }) => method === 'OnDisconnected' && request.context.connection_id === id
  items.splice(0, items.length, ...items.filter((call) => !isOld(call)))
}

async function back(client) {
  client.socket.io.reconnection(true)
  client.socket.connect()
  await client.connected()
}

const cases = {
  async 'is the same as before, and gets what it missed'(t, server, variant) {
    const [room, other] = [fresh(), fresh()]
    const client = await connect(t, server, variant, { auth: { ...auth, user: room, rooms: [room] } })
    const { id } = client
    assert.ok(!client.socket.recovered)
    await send(server, { rooms: [room] }, 'before', 1)
    await client.event('before')
    await leave(client)
    await send(server, { rooms: [room] }, 'missed', 'by the room', bytes)
    await send(server, { rooms: [other] }, 'not for it')
    await send(server, { connection_ids: [id] }, 'missed', { by: [bytes] })
    await send(server, { rooms: [room], except_connection_ids: [id] }, 'not for it')
    await send(server, { users: [room] }, 'missed', 'by the user')
    await back(client)
    assert.equal(client.socket.recovered, true)
    assert.equal(client.id, id)
    await send(server, { rooms: [room] }, 'after')
    await client.event('after')
    assert.deepEqual(withoutOffset(client), [
      ['before', 1], ['missed', 'by the room', bytes], ['missed', { by: [bytes] }], ['missed', 'by the user'], ['after'],
    ])
    assert.deepEqual(await client.ask('echo', 'well?'), ['well?'])
  },

  async 'twice, and a third time without having missed anything'(t, server, variant) {
    const room = fresh()
    const client = await connect(t, server, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await send(server, { rooms: [room] }, 'n', 0)
    await client.event('n')
    for (const n of [1, 2]) {
      await leave(client)
      await send(server, { rooms: [room] }, 'n', n)
      await back(client)
      assert.equal(client.socket.recovered, true)
      await client.inbox.take(n + 1)
    }
    await leave(client)
    await back(client)
    assert.deepEqual([client.socket.recovered, client.id], [true, id])
    assert.deepEqual(withoutOffset(client), [['n', 0], ['n', 1], ['n', 2]])
  },

  async 'who left by itself is new'(t, server, variant) {
    const room = fresh()
    const client = await connect(t, server, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await send(server, { rooms: [room] }, 'before')
    await client.event('before')
    client.socket.disconnect()
    await backend.of('OnDisconnected', id)
    await send(server, { rooms: [room] }, 'missed')
    await back(client)
    assert.equal(client.socket.recovered, false)
    assert.notEqual(client.id, id)
    assert.deepEqual(withoutOffset(client), [['before']])
  },

  async 'who was disconnected to come back has the last event'(t, server, variant) {
    const room = fresh()
    const client = await connect(t, server, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    const returned = next(client.socket.io, 'reconnect')
    await server.api.disconnect({
      target: { connection_ids: [id] }, allow_reconnect: true, last_event: eventOf('back soon'),
    })
    await returned
    await client.connected()
    assert.deepEqual([client.socket.recovered, client.id], [true, id])
    assert.deepEqual(withoutOffset(client), [['back soon']])
  },

  async 'another namespace over the same connection'(t, server, variant) {
    const room = fresh()
    const client = await connect(t, server, variant, { auth: { ...auth, rooms: [room] } })
    const chat = client.socket.io.socket('/chat', { auth: { ...auth, rooms: [room] } })
    t.after(() => chat.disconnect())
    await next(chat, 'connect')
    const ids = [client.id, chat.id]
    const heard = []
    chat.onAny((...event) => heard.push(event.slice(0, -1)))
    for (const namespace of ['/', '/chat']) await send(server, { namespace, rooms: [room] }, 'before', namespace)
    await client.event('before')
    await until(() => heard.length === 1, 'the event of /chat')
    await leave(client)
    await backend.of('OnDisconnected', ids[1])
    for (const namespace of ['/chat', '/']) await send(server, { namespace, rooms: [room] }, 'missed', namespace)
    const again = next(chat, 'connect')
    await back(client) // and with it chat
    await again
    await client.event('missed')
    await until(() => heard.length === 2, 'the event that /chat missed')
    assert.deepEqual([client.id, chat.id, client.socket.recovered, chat.recovered], [...ids, true, true])
    assert.deepEqual(heard, [['before', '/chat'], ['missed', '/chat']])
    assert.deepEqual(withoutOffset(client), [['before', '/'], ['missed', '/']])
  },

  async 'what was under way when the connection broke'(t, server, variant) {
    const room = fresh()
    const proxy = await startProxy(t, server)
    const client = await connect(t, proxy, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await send(server, { rooms: [room] }, 'n', 0)
    await client.event('n')
    await leaveInTheMiddle(client, proxy, async () => {
      for (const n of [1, 2, 3]) await send(server, { rooms: [room] }, 'n', n)
    })
    await back(client)
    assert.deepEqual([client.socket.recovered, client.id], [true, id])
    await send(server, { rooms: [room] }, 'n', 4)
    await client.inbox.take(5)
    assert.deepEqual(withoutOffset(client), [0, 1, 2, 3, 4].map((n) => ['n', n]))
  },
}

for (const [name, run] of Object.entries(cases)) {
  for (const [variants, theirs] of [[newestVariants, stock], [msgpackVariants, stockMsgpack]]) {
    for (const variant of variants) {
      test(`stock: ${variant.name}: ${name}`, (t) => run(t, theirs, variant))
      test(`ours: ${variant.name}: ${name}`, (t) => run(t, ours, variant))
    }
  }
}

for (const [whose, server] of Object.entries(briefs)) {
  test(`${whose}: who was away too long is new`, async (t) => {
    const client = await connect(t, server, newestVariants[1], { auth: { ...auth, rooms: ['brief'] } })
    const { id } = client
    await send(server, { rooms: ['brief'] }, 'before')
    await client.event('before')
    await leave(client)
    const left = Date.now()
    await until(() => Date.now() - left > 250, 'max_disconnection')
    await back(client)
    assert.equal(client.socket.recovered, false)
    assert.notEqual(client.id, id)
  })
}

// What follows only ours does.

for (const variant of newestVariants) {
  test(`ours: ${variant.name}: the offset is an argument behind all others`, async (t) => {
    const room = fresh()
    const client = await connect(t, ours, variant, { auth: { ...auth, rooms: [room], events: [['welcome']] } })
    await send(ours, { rooms: [room] }, 'news', 1, 'two')
    await client.event('news')
    const offsets = client.inbox.items.map((event) => event.at(-1))
    for (const offset of offsets) assert.match(offset, OFFSET)
    assert.deepEqual(withoutOffset(client), [['welcome'], ['news', 1, 'two']])
    const [before, behind] = offsets.map((offset) => offset.split('-').map(Number))
    assert.ok(before[0] < behind[0] || before[1] < behind[1])
  })

  test(`ours: ${variant.name}: who has received no event comes back as well`, async (t) => {
    const room = fresh()
    const client = await connect(t, ours, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await leave(client)
    await send(ours, { rooms: [room] }, 'missed')
    await back(client)
    assert.deepEqual([client.socket.recovered, client.id], [true, id])
    await client.event('missed')
  })

  test(`ours: ${variant.name}: a volatile event does not keep it from coming back`, async (t) => {
    const room = fresh()
    const client = await connect(t, ours, variant, { auth: { ...auth, rooms: [room] } })
    await send(ours, { rooms: [room] }, 'n', 0)
    await client.event('n')
    await until(async () => { // a polling client may be between two polls
      await ours.api.send({ target: { rooms: [room] }, event: { ...eventOf('typing', 'ada'), volatile: true } })
      return client.inbox.items.some(([name]) => name === 'typing')
    }, 'a volatile event')
    await leave(client)
    await send(ours, { rooms: [room] }, 'n', 1)
    await back(client)
    assert.equal(client.socket.recovered, true)
    await client.inbox.find(([name, n]) => name === 'n' && n === 1, 'the missed one')
  })

  test(`ours: ${variant.name}: the backend is asked anew, and sees no secret`, async (t) => {
    const room = fresh()
    const client = await connect(t, ours, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await leave(client)
    client.socket.auth = { ...auth, rooms: [`${room} too`] }
    await back(client)
    const isIt = ({ method, request }) => method === 'Authenticate' && request.recovering_connection_id === id
    const { request } = await backend.calls.find(isIt, 'Authenticate')
    assert.deepEqual(JSON.parse(request.handshake.claims.auth_json), client.socket.auth)
    assert.notEqual(request.context.connection_id, id)
    await backend.of('OnConnected', id, ({ recovered }) => recovered)
    for (const name of [room, `${room} too`]) {
      assert.equal((await send(ours, { rooms: [name] }, 'n')).report.matched, '1', name)
    }
  })

  test(`ours: ${variant.name}: another user is new, and refused is refused`, async (t) => {
    const room = fresh()
    const client = await connect(t, ours, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    await leave(client)
    await send(ours, { rooms: [room] }, 'missed')
    client.socket.auth = { ...auth, token: 'revoked' }
    client.socket.io.reconnection(true)
    const refusal = next(client.socket, 'connect_error')
    client.socket.connect()
    assert.equal((await refusal)[0].data.code, 'BAD_TOKEN')
    client.socket.auth = { ...auth, user: 'eve' }
    client.socket.connect()
    await client.connected()
    assert.equal(client.socket.recovered, false)
    assert.notEqual(client.id, id)
    assert.deepEqual(client.inbox.items, [])
  })

  test(`ours: ${variant.name}: cut again and again under load, it gets everything once and in order`, async (t) => {
    const [room, COUNT] = [fresh(), 400]
    const proxy = await startProxy(t, ours)
    const client = await connect(t, proxy, variant, { auth: { ...auth, rooms: [room] } })
    const { id } = client
    let sent = 0
    const sending = (async () => {
      for (; sent < COUNT; sent += 1) await send(ours, { rooms: [room] }, 'n', sent)
    })()
    let returns = 0
    for (; sent < COUNT - 20; returns += 1) {
      await leaveInTheMiddle(client, proxy, () => {
        const lost = sent + 3
        return until(() => sent >= lost, 'some that are lost')
      })
      await back(client)
      assert.deepEqual([client.socket.recovered, client.id], [true, id])
    }
    await sending
    await client.inbox.take(COUNT)
    assert.deepEqual(withoutOffset(client), Array.from({ length: COUNT }, (_, n) => ['n', n]))
    assert.ok(returns > 1, `${returns} returns`)
  })
}
