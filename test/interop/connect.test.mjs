// Who gets in, with what, and who does not.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { Client, connect, optionsOf, refused, variants } from '../lib/client.mjs'
import { codes, eventOf } from '../lib/grpc.mjs'
import { startWorld } from '../lib/world.mjs'
import { next, within } from '../lib/wait.mjs'

const { backend, server } = await startWorld({ config: { namespaces: { '/': {}, '/chat': {} } } })

const auth = { token: TOKEN }

for (const variant of variants) {
  test(`${variant.name}: connects on the transport asked for`, async (t) => {
    const client = await connect(t, server, variant, { auth })
    assert.equal(client.id.length, 20)
    assert.notEqual(client.id, client.engine.id, 'the socket id is not the session id')
    assert.equal(client.engine.transport.name, variant.transport === 'upgrade' ? 'websocket' : variant.transport)
    assert.deepEqual(await client.ask('echo', 1, 'two'), [1, 'two'])
  })

  // The test that the feature description shows (section 6), line by line.
  test(`${variant.name}: should receive a message`, async (t) => {
    const room = `seed ${variant.name}`
    const socket = variant.io(server.url, optionsOf(variant, {
      auth: { token: 'your-test-token', rooms: [room] },
    }))
    const done = new Promise((resolve) => {
      socket.on('notification', (data) => {
        socket.disconnect()
        resolve(data)
      })
    })
    await next(socket, 'connect')
    const value = { structValue: { fields: { message: { stringValue: 'Hello' } } } }
    const sent = await server.api.send({
      target: { rooms: [room] },
      event: { name: 'notification', args: [{ value }] },
    })
    assert.equal(sent.report.matched, '1')
    const data = await within(done, 'notification')
    assert.equal(data.message, 'Hello')
  })

  test(`${variant.name}: a refusal is a connect_error with code and reason`, async (t) => {
    const error = await refused(t, server, variant, { auth: { token: 'wrong' } })
    assert.ok(error instanceof Error)
    assert.equal(error.message, 'The token is not valid')
    assert.deepEqual(error.data, { code: 'BAD_TOKEN', reason: 'The token is not valid', temporary: false })
  })

  test(`${variant.name}: rooms and first events come before everything else`, async (t) => {
    const room = `first ${variant.name}`
    const events = [['welcome', { n: 1 }], ['state', [1, 2]], ['empty'], ['last', null]]
    const client = new Client(t, server, variant, { auth: { token: TOKEN, rooms: [room], events } })
    // Whatever reaches the room from now on comes after the first events.
    let sending = true
    const sender = (async () => {
      while (sending) await server.api.send({ target: { rooms: [room] }, event: eventOf('later') })
    })()
    await client.connected()
    await client.event('later')
    sending = false
    await sender
    assert.deepEqual(client.inbox.items.slice(0, 5), [...events, ['later']])
  })

  test(`${variant.name}: several namespaces share one connection`, async (t) => {
    const root = await connect(t, server, variant, { auth })
    const chat = root.socket.io.socket('/chat', { auth: { token: TOKEN, user: 'ann' } })
    t.after(() => chat.disconnect())
    await next(chat, 'connect')
    const { id } = chat
    assert.equal(id.length, 20)
    assert.notEqual(id, root.id)
    const { request } = await backend.of('Authenticate', id)
    assert.equal(request.context.namespace, '/chat')

    const onlyChat = next(chat, 'only')
    await server.api.send({ target: { namespace: '/chat', connection_ids: [id] }, event: eventOf('only', 'chat') })
    assert.deepEqual(await onlyChat, ['chat'])
    assert.deepEqual(await root.ask('echo', 'still here'), ['still here'])

    chat.disconnect()
    await backend.of('OnDisconnected', id)
    assert.deepEqual(await root.ask('echo', 'without chat'), ['without chat'])
    assert.deepEqual(root.inbox.items, [], 'nothing of /chat came to /')
  })

  test(`${variant.name}: an unknown namespace is refused`, async (t) => {
    const error = await refused(t, server, variant, { namespace: '/nowhere', auth })
    assert.equal(error.message, 'Invalid namespace')
  })
}

const [anyVariant] = variants

test('the backend sees what the client claims and what the server observed', async (t) => {
  const client = await connect(t, server, anyVariant, { auth: { token: TOKEN, user: 'ann' }, query: { page: 'home' } })
  const { request } = await backend.of('Authenticate', client.id)
  const { claims, observed } = request.handshake
  assert.deepEqual(JSON.parse(claims.auth_json), { token: TOKEN, user: 'ann' })
  assert.equal(claims.query.page, 'home')
  assert.equal(observed.transport, 'polling')
  assert.equal(observed.remote_address, '127.0.0.1')
  assert.equal(request.context.namespace, '/')
})

test('a client without auth is an empty object to the backend', async (t) => {
  const error = await refused(t, server, anyVariant, {})
  assert.equal(error.data.code, 'BAD_TOKEN')
  const calls = backend.calls.items.filter(({ method }) => method === 'Authenticate')
  assert.equal(calls.at(-1).request.handshake.claims.auth_json, '{}')
})

test('a crowd that comes at once gets in, everybody with an id of their own', async (t) => {
  const crowd = Array.from({ length: 120 }, (_, i) => connect(t, server, variants[i % variants.length], { auth }))
  const clients = await Promise.all(crowd)
  assert.equal(new Set(clients.map(({ id }) => id)).size, clients.length)
  const answers = await Promise.all(clients.map((client, i) => client.ask('echo', i)))
  assert.deepEqual(answers, clients.map((_, i) => [i]))
})

test('a refusal without words gets the default ones, and its data joins theirs', async (t) => {
  const silent = await refused(t, server, anyVariant, { auth: { how: 'refuse', refuse: {} } })
  assert.equal(silent.message, 'Connection refused')
  assert.deepEqual(silent.data, { code: 'REFUSED', reason: 'Connection refused', temporary: false })
})

test('a refused client can try again with better credentials', async (t) => {
  const client = new Client(t, server, anyVariant, { auth: { token: 'wrong' } })
  await next(client.socket, 'connect_error')
  client.socket.auth = auth
  client.socket.connect()
  await next(client.socket, 'connect')
  assert.deepEqual(await client.ask('echo', 1), [1])
})

test('user, rooms and metadata of Accept are known to the API', async (t) => {
  const metadata = { fields: { tenant: { kind: 'stringValue', stringValue: 'acme' } } }
  const client = await connect(t, server, anyVariant, { auth: { token: TOKEN, user: 'eve', rooms: ['b', 'a'], metadata } })
  const { connection } = await server.api.getConnection({ connection_id: client.id })
  assert.equal(connection.user_id, 'eve')
  assert.deepEqual(connection.rooms, ['a', 'b'])
  assert.deepEqual(connection.metadata, metadata)
  assert.equal(connection.transport, 'polling')

  client.socket.disconnect()
  await backend.of('OnDisconnected', connection.id)
  await assert.rejects(server.api.getConnection({ connection_id: connection.id }), { code: codes.NOT_FOUND })
})
