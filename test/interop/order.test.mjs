// Nothing lost, nothing twice, nothing out of order.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { Client, connect, newestVariants, variants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { next } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const COUNT = 2_000
const LONG_MS = 30_000

const { backend, server } = await startWorld()

const upTo = (n) => Array.from({ length: n }, (_, i) => i)
const numbers = (client) => client.inbox.items.filter(([name]) => name === 'n').map(([, n]) => n)

// forwarded is what the backend was told of one connection, in its order.
const forwarded = (id) => backend.calls.items
  .filter(({ method, request: { context, event } }) =>
    method === 'OnEvent' && context.connection_id === id && event.name === 'n')
  .map(({ request }) => Number(request.event.args[0].json))

test(`${COUNT} sends to a room, one after the other, reach every transport in order`, async (t) => {
  const auth = { token: TOKEN, rooms: ['order'] }
  const clients = await Promise.all(newestVariants.map((variant) => connect(t, server, variant, { auth })))
  for (const n of upTo(COUNT)) await server.api.send({ target: { rooms: ['order'] }, event: eventOf('n', n) })
  for (const client of clients) {
    await client.inbox.take(COUNT, LONG_MS)
    assert.deepEqual(numbers(client), upTo(COUNT))
  }
})

for (const variant of newestVariants) {
  test(`${variant.name}: ${COUNT} events of a client reach the backend in order`, async (t) => {
    const client = await connect(t, server, variant, { auth: { token: TOKEN } })
    for (const n of upTo(COUNT)) client.socket.emit('n', n)
    const isLast = ({ method, request }) => method === 'OnEvent'
      && request.context.connection_id === client.id && request.event.args[0]?.json === String(COUNT - 1)
    await backend.calls.find(isLast, 'the last event', LONG_MS)
    assert.deepEqual(forwarded(client.id), upTo(COUNT))
  })
}

for (const variant of variants.filter(({ transport }) => transport === 'upgrade')) {
  test(`${variant.name}: an upgrade under load loses and reorders nothing`, async (t) => {
    for (const round of upTo(5)) {
      const room = `upgrade ${variant.name} ${round}`
      const client = new Client(t, server, variant, { auth: { token: TOKEN, rooms: [room] } })
      await next(client.socket, 'connect')
      const { id } = client
      let upgraded = client.engine.transport.name === 'websocket'
      client.engine.once('upgrade', () => { upgraded = true })

      let count = 0
      for (let after = 0; after < 50; after += upgraded ? 1 : 0) {
        client.socket.emit('n', count)
        await server.api.send({ target: { rooms: [room] }, event: eventOf('n', count) })
        count += 1
      }
      await client.inbox.take(count)
      assert.deepEqual(numbers(client), upTo(count))
      await client.ask('echo', 'all emitted before this are through')
      assert.deepEqual(forwarded(id), upTo(count))
    }
  })
}
