// Messages as large as they may be, and larger.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, newestVariants, variants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { next } from '../lib/wait.mjs'
import { startWorld } from '../lib/world.mjs'

const MAX_PAYLOAD = 1_000_000
const ENVELOPE = 40 // more than `42<id>["echo",""]` needs

const { backend, server } = await startWorld()

const auth = { token: TOKEN }
const largest = 'x'.repeat(MAX_PAYLOAD - ENVELOPE)
const tooLarge = 'x'.repeat(MAX_PAYLOAD + 1)

for (const variant of variants) {
  test(`${variant.name}: the largest message, both ways`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const [text] = await client.ask('echo', largest)
    assert.ok(text === largest, 'the text came back')
    await server.api.send({ target: { connection_ids: [client.id] }, event: eventOf('large', largest) })
    const [sent] = await client.event('large')
    assert.ok(sent === largest, 'the text arrived')
  })

  test(`${variant.name}: large binary, both ways`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    const bytes = Buffer.alloc(MAX_PAYLOAD * 0.7, 'binary') // base64 adds a third on polling
    const [back] = await client.ask('echo', bytes)
    assert.ok(bytes.equals(back))
  })

  test(`${variant.name}: a message over the limit ends the client, and only it`, async (t) => {
    const neighbour = await connect(t, server, variant, { auth })
    const client = await connect(t, server, variant, { auth, reconnection: false })
    const { id } = client
    const ended = next(client.socket, 'disconnect')
    client.socket.emit('echo', tooLarge)
    assert.match((await ended)[0], /^transport (close|error)$/)
    await backend.of('OnDisconnected', id)
    assert.ok(!backend.calls.items.some(({ method, request }) =>
      method === 'OnEvent' && request.context.connection_id === id), 'the event was not forwarded')
    assert.deepEqual(await neighbour.ask('echo', 'fine'), ['fine'])
  })
}

test('what the server sends has no such limit', async (t) => {
  const clients = await Promise.all(newestVariants.map((variant) => connect(t, server, variant, { auth })))
  const text = tooLarge + tooLarge
  const target = { connection_ids: clients.map(({ id }) => id) }
  assert.equal((await server.api.send({ target, event: eventOf('huge', text) })).report.matched, '3')
  for (const client of clients) {
    const [received] = await client.event('huge')
    assert.ok(received === text)
  }
})
