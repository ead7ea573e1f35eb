// Everything that the server does because time has passed.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, variants } from '../lib/client.mjs'
import { RawSocket, Session, packets } from '../lib/engine.mjs'
import { Mailbox, next, within } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const { backend, server } = await startWorld({
  config: {
    socketio: {
      ping_interval: '200ms',
      ping_timeout: '1500ms',
      connect_timeout: '1500ms',
      upgrade_timeout: '1500ms',
      close_timeout: '500ms',
    },
  },
})

const auth = { token: TOKEN }
const CONNECT = `40${JSON.stringify(auth)}`

for (const variant of variants) {
  test(`${variant.name}: heartbeats keep a client`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const { id } = client
    const pings = new Mailbox()
    client.engine.on('packet', ({ type }) => type === 'ping' && pings.put(type))
    await pings.take(3)
    assert.equal(client.id, id)
    assert.deepEqual(await client.ask('echo', 'alive'), ['alive'])
  })

  test(`${variant.name}: a client whose credential ends comes back with another`, async (t) => {
    const client = await connect(t, server, variant, { auth: { token: TOKEN, lifetime: 400 } })
    const { id } = client
    client.socket.auth = auth
    const [reason] = await next(client.socket, 'disconnect')
    assert.equal(reason, 'transport close')
    assert.equal((await backend.of('OnDisconnected', id)).request.reason, 'credential expired')
    await next(client.socket, 'connect')
    assert.notEqual(client.id, id)
  })
}

test('a WebSocket that answers no ping', async () => {
  const socket = await new RawSocket(server, {}).opened()
  socket.send(CONNECT)
  const answer = await socket.frames.find((frame) => frame.startsWith('40'), 'CONNECT')
  await socket.frame('2')
  await socket.whenClosed()
  const { request } = await backend.of('OnDisconnected', JSON.parse(answer.slice(2)).sid)
  assert.equal(request.reason, 'ping timeout')
})

test('a polling session that nobody polls', async () => {
  const session = await Session.open(server)
  const { sid } = JSON.parse((await session.connect(JSON.stringify(auth))).slice(2))
  assert.equal((await backend.of('OnDisconnected', sid)).request.reason, 'ping timeout')
  assert.equal((await session.poll()).status, 400)
})

test('a client that never joins a namespace', async () => {
  const socket = await new RawSocket(server, {}).opened()
  await socket.whenClosed()
  assert.equal(socket.frames.items.filter((frame) => frame.startsWith('0')).length, 1)
})

test('an upgrade that is never finished', async () => {
  const session = await Session.open(server)
  await session.connect(JSON.stringify(auth))
  const probe = await session.websocket().opened()
  probe.send('2probe')
  await probe.frame('3probe')

  // A client that polls and answers pings all the while.
  let acknowledged = false
  const polling = (async () => {
    while (!acknowledged) {
      for (const packet of packets((await session.poll()).text)) {
        if (packet === '2') await session.post('3')
        if (packet === '431["after"]') acknowledged = true
      }
    }
  })()
  await probe.whenClosed()
  await session.post('421["echo","after"]')
  await within(polling, 'polling goes on')
  assert.deepEqual(probe.frames.items, ['3probe'])
})
