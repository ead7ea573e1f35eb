// Whom a Send reaches: rooms, users, connections, exceptions.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TOKEN } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startWorld } from '../lib/world.mjs'

const { server } = await startWorld()

// Three clients, one per transport, each in its own room and in `all`. The
// prefix keeps the names of one test apart from those of another.
async function three(t, prefix) {
  const names = ['a', 'b', 'c']
  return Promise.all(names.map((name, i) => connect(t, server, newestVariants[i], {
    auth: { token: TOKEN, user: `${prefix} user ${name}`, rooms: [`${prefix} ${name}`, `${prefix} all`] },
  })))
}

const send = (target, ...event) => server.api.send({ target, event: eventOf(...event) })

// received ends every conversation with a last event, so that what a client
// has not received by then never comes.
async function received(clients) {
  await send({ connection_ids: clients.map(({ id }) => id) }, 'end')
  return Promise.all(clients.map(async (client) => {
    await client.event('end')
    return client.inbox.items.filter(([name]) => name !== 'end')
  }))
}

test('a room, a user, a connection', async (t) => {
  const clients = await three(t, 'one')
  assert.equal((await send({ rooms: ['one a'] }, 'room', 1)).report.matched, '1')
  assert.equal((await send({ users: ['one user b'] }, 'user', 2)).report.matched, '1')
  assert.equal((await send({ connection_ids: [clients[2].id] }, 'connection', 3)).report.matched, '1')
  assert.deepEqual(await received(clients), [[['room', 1]], [['user', 2]], [['connection', 3]]])
})

test('a union reaches everybody once', async (t) => {
  const clients = await three(t, 'union')
  const target = {
    rooms: ['union all', 'union a', 'union b', 'union a'],
    users: ['union user a', 'union user c'],
    connection_ids: [clients[0].id, clients[1].id],
  }
  assert.equal((await send(target, 'once')).report.matched, '3')
  assert.deepEqual(await received(clients), [[['once']], [['once']], [['once']]])
})

test('exceptions of every kind', async (t) => {
  const clients = await three(t, 'except')
  const rooms = ['except all']
  await send({ rooms, except_rooms: ['except a', 'except nobody'] }, 'not a')
  await send({ rooms, except_users: ['except user b'] }, 'not b')
  await send({ rooms, except_connection_ids: [clients[2].id] }, 'not c')
  await send({ rooms, except_rooms: ['except all'] }, 'nobody')
  assert.deepEqual(await received(clients), [[['not b'], ['not c']], [['not a'], ['not c']], [['not a'], ['not b']]])
})

test('names of rooms, users and connections are apart', async (t) => {
  const clients = await three(t, 'apart')
  const [a, b] = clients
  await server.api.joinRoom({ target: { connection_ids: [a.id] }, rooms: [b.id, 'apart user b'] })
  assert.equal((await send({ connection_ids: [b.id] }, 'for b')).report.matched, '1')
  assert.equal((await send({ users: ['apart user b'] }, 'for user b')).report.matched, '1')
  assert.equal((await send({ rooms: [b.id] }, 'for the room')).report.matched, '1')
  assert.deepEqual(await received(clients), [[['for the room']], [['for b'], ['for user b']], []])
})

// alone is how a cluster of one node answers.
const alone = { nodes_asked: 1, nodes_answered: 1, partial: false }

test('JoinRoom and LeaveRoom', async (t) => {
  const clients = await three(t, 'join')
  const target = { rooms: ['join a', 'join b'] }
  const rooms = ['join x', 'join y']
  assert.deepEqual(await server.api.joinRoom({ target, rooms }), { matched: '2', refused: '0', coverage: alone })
  assert.equal((await send({ rooms: ['join x'] }, 'both')).report.matched, '2')
  assert.deepEqual(await server.api.leaveRoom({ target: { rooms: ['join a'] }, rooms: ['join x'] }), { matched: '1', coverage: alone })
  assert.equal((await send({ rooms: ['join x'] }, 'only b')).report.matched, '1')
  assert.equal((await send({ rooms: ['join y'] }, 'y')).report.matched, '2')
  assert.deepEqual(await received(clients), [[['both'], ['y']], [['both'], ['only b'], ['y']], []])
})

test('Broadcast reaches the namespace, minus exceptions', async (t) => {
  const clients = await three(t, 'broadcast')
  const { report } = await server.api.broadcast({ event: eventOf('all', 1), except_rooms: ['broadcast b'] })
  assert.ok(Number(report.matched) >= 2)
  assert.deepEqual(await received(clients), [[['all', 1]], [], [['all', 1]]])
})

test('a Send to nobody is fine', async () => {
  assert.equal((await send({ rooms: ['nobody is here'] }, 'x')).report.matched, '0')
})

test('rooms end with the connection', async (t) => {
  const [a] = await three(t, 'gone')
  a.socket.disconnect()
  a.socket.connect()
  await a.connected()
  assert.equal((await send({ rooms: ['gone a'] }, 'again')).report.matched, '1')
  assert.deepEqual(await a.event('again'), [])
})
