// How connections end, and what everybody hears of it.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { RawSocket, Session } from '../lib/engine.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { next } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const { backend, server } = await startWorld()

const auth = { token: TOKEN }

for (const variant of variants) {
  test(`${variant.name}: Disconnect for good`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const { id, engine } = client
    const engineClosed = next(engine, 'close')
    const ended = next(client.socket, 'disconnect')
    const reply = await server.api.disconnect({
      target: { connection_ids: [id] },
      reason: 'too loud',
      last_event: eventOf('goodbye', { why: 'too loud' }),
    })
    assert.equal(reply.matched, '1')
    assert.equal((await ended)[0], 'io server disconnect')
    assert.deepEqual(client.inbox.items, [['goodbye', { why: 'too loud' }]], 'the last event came before the end')
    const { request } = await backend.of('OnDisconnected', id)
    assert.equal(request.reason, 'server namespace disconnect')
    assert.equal(request.detail, 'too loud')

    await engineClosed
    assert.equal(client.socket.active, false, 'the client stays away')
    assert.equal(client.socket.io._reconnecting, false, 'the client stays away')
  })

  test(`${variant.name}: Disconnect to come back`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const { id } = client
    const ended = next(client.socket, 'disconnect')
    await server.api.disconnect({
      target: { connection_ids: [id] },
      allow_reconnect: true,
      last_event: eventOf('back soon'),
    })
    assert.equal((await ended)[0], 'transport close')
    assert.deepEqual(client.inbox.items, [['back soon']], 'the last event came before the end')
    await next(client.socket, 'connect')
    assert.notEqual(client.id, id)
    assert.deepEqual(await client.ask('echo', 'again'), ['again'])
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'server namespace disconnect')
  })

  test(`${variant.name}: what was sent before a Disconnect arrives`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const target = { connection_ids: [client.id] }
    const ended = next(client.socket, 'disconnect')
    const numbers = Array.from({ length: 20 }, (_, n) => n)
    for (const n of numbers) await server.api.send({ target, event: eventOf('n', n) })
    await server.api.disconnect({ target })
    await ended
    assert.deepEqual(client.inbox.items, numbers.map((n) => ['n', n]))
  })

  test(`${variant.name}: the backend hears why a client has gone, and how long it was there`, async (t) => {
    const client = await connect(t, server, variant, { auth: { token: TOKEN, user: 'ann' } })
    const { id } = client
    const { at: from } = await backend.of('Authenticate', id)
    client.socket.disconnect()
    const { request, at } = await backend.of('OnDisconnected', id)
    assert.equal(request.reason, 'client namespace disconnect')
    assert.equal(request.context.user_id, 'ann')
    const milliseconds = Number(request.duration.seconds) * 1_000 + request.duration.nanos / 1e6
    assert.ok(milliseconds > 0 && milliseconds <= at - from + 1, `${milliseconds} ms of at most ${at - from}`)
  })

  test(`${variant.name}: a client that closes its transport`, async (t) => {
    const client = await connect(t, server, variant, { auth, reconnection: false })
    const { id } = client
    client.engine.close()
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'transport close')
  })
}

test('a WebSocket that breaks', async () => {
  const socket = await new RawSocket(server, {}).opened()
  socket.send(`40${JSON.stringify(auth)}`)
  const answer = await socket.frames.find((frame) => frame.startsWith('40'), 'CONNECT')
  const { sid } = JSON.parse(answer.slice(2))
  socket.ws.terminate()
  const { request } = await backend.of('OnDisconnected', sid)
  assert.match(request.reason, /^transport (close|error)$/)
})

test('a poll that breaks', async () => {
  const session = await Session.open(server)
  const { sid } = JSON.parse((await session.connect(JSON.stringify(auth))).slice(2))
  await session.cutPoll()
  const { request } = await backend.of('OnDisconnected', sid)
  assert.match(request.reason, /^transport (close|error)$/)
})

test('a client that was sent away can come back by itself', async (t) => {
  const client = await connect(t, server, variants.at(-1), { auth })
  const { id } = client
  const ended = next(client.socket, 'disconnect')
  await server.api.disconnect({ target: { connection_ids: [id] } })
  assert.equal((await ended)[0], 'io server disconnect')
  client.socket.connect()
  await next(client.socket, 'connect')
  assert.notEqual(client.id, id)
  assert.deepEqual(await client.ask('echo', 1), [1])
})
