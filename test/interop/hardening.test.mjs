// What stock clients see of a limit: why they were disconnected, that they come
// back, and what the backend and the metrics say of it.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants } from '../lib/client.mjs'
import { POLLING, UPGRADE, WEBSOCKET, ask, sidOf } from '../lib/http.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const auth = { token: TOKEN }

const { backend, server } = await startWorld({
  config: {
    socketio: {
      max_http_buffer_size: 20_000, max_attachments: 2, max_json_depth: 8, max_event_name: 16, max_body_packets: 40,
      max_messages_per_second: 10, max_message_burst: 100, connect_timeout: '1s', ping_interval: '1s',
    },
  },
})

const scrape = async (of) => (await fetch(`${of.adminUrl}/metrics`)).text()

// counter is the value of a counter with one label, 0 if there is none.
async function counter(of, name, label) {
  const line = (await scrape(of)).split('\n').find((found) => found.startsWith(`${name}{`) && found.includes(`"${label}"`))
  return Number(line?.split(' ').at(-1) ?? 0)
}

const nested = (depth) => (depth === 1 ? [] : [nested(depth - 1)])

// What a client does: at the limit, and above it. `only` says over which
// transport it makes a difference.
const limits = {
  'payload too large': { at: (emit) => emit('n', 'x'.repeat(19_000)), above: (emit) => emit('n', 'x'.repeat(20_000)) },
  'too many attachments': { at: (emit) => emit('n', Buffer.alloc(1), Buffer.alloc(1)), above: (emit) => emit('n', Buffer.alloc(1), Buffer.alloc(1), Buffer.alloc(1)) },
  'payload too deep': { at: (emit) => emit('n', nested(7)), above: (emit) => emit('n', nested(8)) },
  'event name too long': { at: (emit) => emit('x'.repeat(16)), above: (emit) => emit('x'.repeat(17)) },
  // The first leaves alone, all others together; an echo follows those at the limit.
  'too many packets': { at: (emit) => times(1 + 39, emit), above: (emit) => times(1 + 41, emit), only: 'polling' },
  'rate limit': { at: (emit) => times(30, emit), above: (emit) => times(150, emit), only: 'websocket' },
}

function times(n, emit) {
  for (let i = 0; i < n; i++) emit('n')
}

for (const variant of newestVariants) {
  for (const [reason, { at, above, only }] of Object.entries(limits)) {
    if (only && only !== variant.transport) continue
    test(`${variant.name}: ${reason}`, async (t) => {
      const client = await connect(t, server, variant, { auth })
      const { id } = client
      const emit = (...event) => client.socket.emit(...event)
      at(emit)
      assert.deepEqual(await client.ask('echo', 'fine'), ['fine'])
      const before = await counter(server, 'realtime_engine_sessions_closed_total', reason)
      const ended = next(client.socket, 'disconnect')
      const back = next(client.socket, 'connect')
      above(emit)
      const [told] = await ended
      assert.match(told, /^transport (close|error)$/)
      assert.equal((await backend.of('OnDisconnected', id)).request.reason, reason)
      assert.equal(await counter(server, 'realtime_engine_sessions_closed_total', reason), before + 1)
      await back
      assert.notEqual(client.id, id)
      assert.deepEqual(await client.ask('echo', 'back'), ['back'])
    })
  }

  test(`${variant.name}: connect timeout, while the backend takes its time`, async (t) => {
    const reason = 'connect timeout'
    const before = await counter(server, 'realtime_engine_sessions_closed_total', reason)
    const client = new Client(t, server, variant, { auth: { how: 'hang' } })
    const closed = next(client.socket.io, 'close')
    assert.match((await closed)[0], /^transport close$/)
    await until(async () => await counter(server, 'realtime_engine_sessions_closed_total', reason) > before, 'it is counted')
    client.socket.auth = auth
    await until(() => client.socket.connected, 'it gets in')
  })
}

// ---- at the door

async function doorOf(socketio) {
  const door = await startServer({ config: { socketio } })
  after(() => door.stop())
  return door
}

const doors = {
  'max_connections': [{ max_connections: 1 }, 503, 7, 'connections'],
  'max_connections_per_address': [{ max_connections_per_address: 1 }, 429, 7, 'address connections'],
  'max_handshakes_per_second': [{ max_handshakes_per_second: 1 }, 503, 6, 'rate'],
  'max_handshakes_per_address': [{ max_handshakes_per_address: 1 }, 429, 6, 'address rate'],
}

for (const [key, [config, status, code, cause]] of Object.entries(doors)) {
  const door = await doorOf(config)
  test(`${key}: the answer`, async () => {
    const first = await ask(door, POLLING)
    assert.equal(first.status, 200)
    for (const [path, headers] of [[POLLING, {}], [WEBSOCKET, UPGRADE]]) {
      const answer = await ask(door, path, { headers })
      assert.deepEqual([answer.status, JSON.parse(answer.text).code], [status, code])
      assert.match(answer.headers['retry-after'], /^\d+$/)
      assert.match(answer.headers['content-type'], /^application\/json/)
    }
    assert.equal(await counter(door, 'realtime_engine_handshakes_refused_total', cause), 2)
    await ask(door, `${POLLING}&sid=${sidOf(first)}`, { method: 'POST', body: '1' }) // leaves
  })

  for (const variant of newestVariants) {
    test(`${key}, ${variant.name}: a stock client waits until there is room`, async (t) => {
      const resident = new Client(t, door, variant)
      await until(() => resident.socket.connected, 'the first is in')
      await resident.settled() // an upgrade is no handshake
      const waiting = new Client(t, door, variant)
      const [error] = await next(waiting.socket, 'connect_error')
      assert.match(error.message, /^(xhr poll|websocket) error$/)
      resident.socket.disconnect()
      await next(waiting.socket, 'connect', 10_000)
      waiting.socket.disconnect()
    })
  }
}

test('a slow consumer comes back', async (t) => {
  const backendOfIts = await startBackend()
  t.after(backendOfIts.stop)
  const small = await startServer({ backend: backendOfIts, config: { socketio: { max_queue: 50_000 } } })
  t.after(() => small.stop())
  const client = await connect(t, small, newestVariants.find(({ transport }) => transport === 'websocket'), { auth })
  const { id } = client
  const socket = client.engine.transport.ws._socket
  socket.pause() // reads nothing
  const text = 'x'.repeat(100_000)
  const send = () => small.api.send({ target: { connection_ids: [id] }, event: { name: 'n', args: [{ json: JSON.stringify(text) }] } })
  await until(async () => (await send()).report.matched === '0', 'the server gives up', 20_000)
  assert.equal((await backendOfIts.of('OnDisconnected', id)).request.reason, 'slow consumer')
  const ended = next(client.socket, 'disconnect')
  const back = next(client.socket, 'connect')
  socket.resume()
  assert.match((await ended)[0], /^transport (close|error)$/)
  await back
})
