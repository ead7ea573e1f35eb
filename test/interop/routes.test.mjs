// Events of stock clients that go to several backends, and events that a stock
// client repeats because nobody acknowledged them in time.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { Client, connect, newestVariants } from '../lib/client.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until } from '../lib/wait.mjs'

const [common, chat] = [await startBackend(), await startBackend()]
const server = await startServer({
  backend: common,
  config: {
    backends: { chat: { target: chat.address } },
    namespaces: {
      '/': {
        routes: [
          { events: ['^chat:\\w+$'], backend: 'chat' },
          { events: ['slow'], once: '1m', once_key: '1' },
          { events: ['echo'] },
        ],
      },
    },
  },
})
after(async () => {
  await server.stop()
  common.stop()
  chat.stop()
})

const auth = { token: 'your-test-token', user: 'ada' }
const eventsAt = (backend, id) => backend.calls.items
  .filter(({ method, request }) => method === 'OnEvent' && request.context.connection_id === id)
  .map(({ request }) => request.event.name)

for (const variant of newestVariants) {
  test(`${variant.name}: events find their backend`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    client.socket.emit('chat:say', 'hello')
    assert.deepEqual(await client.ask('echo', 1), [1])
    assert.deepEqual(await client.ask('chat:leave'), [])
    const [{ error }] = await client.ask('sell')
    assert.deepEqual(error, { code: 'NO_ROUTE', reason: 'No route takes this event', temporary: false })
    assert.deepEqual(eventsAt(chat, client.id), ['chat:say', 'chat:leave'])
    assert.deepEqual(eventsAt(common, client.id), ['echo'])
    const { id } = client
    client.socket.disconnect()
    await common.of('OnDisconnected', id) // the namespace's backend alone hears of connections
    assert.equal(chat.calls.items.filter(({ method }) => method !== 'OnEvent').length, 0)
  })

  test(`${variant.name}: an event that is repeated for want of an answer comes once`, async (t) => {
    const client = await connect(t, server, variant, { auth, retries: 10, ackTimeout: 100 })
    const answers = []
    for (const n of [1, 2]) {
      client.socket.emit('slow', 'words', `${variant.name} ${n}`, (error, answer) => answers.push([error, answer]))
    }
    await until(() => answers.length === 2, 'both acknowledgements')
    assert.deepEqual(answers, [[null, `${variant.name} 1`], [null, `${variant.name} 2`]])
    assert.deepEqual(eventsAt(common, client.id), ['slow', 'slow'])
  })

  test(`${variant.name}: an event that is repeated after the connection was lost comes once`, async (t) => {
    const client = new Client(t, server, variant, { auth, retries: 10, ackTimeout: 5_000 })
    await client.connected()
    const answer = new Promise((resolve) => {
      client.socket.emit('slow', 'words', `${variant.name} lost`, (...all) => resolve(all))
    })
    await common.of('OnEvent', client.id)
    const first = client.id
    client.engine.close()
    await next(client.socket, 'connect')
    assert.notEqual(client.id, first)
    assert.deepEqual(await answer, [null, `${variant.name} lost`])
    assert.deepEqual(eventsAt(common, first), ['slow'])
    assert.deepEqual(eventsAt(common, client.id), [])
  })
}
