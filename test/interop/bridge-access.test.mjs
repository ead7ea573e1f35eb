// The rules for an ACL user of Redis that docs/configuration.md has for the bridge,
// on a real Redis, beside Node's servers.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Cluster } from '../cluster/lib/peers.mjs'
import { TOKEN, startBackend } from '../lib/backend.mjs'
import { connect, newestVariants } from '../lib/client.mjs'
import { metric, notReady, readiness, ready, startNode } from '../lib/cluster.mjs'
import { ACL } from '../lib/documented.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startRedis } from '../lib/redis.mjs'
import { Mailbox, until } from '../lib/wait.mjs'

const backend = await startBackend()
after(() => backend.stop())

for (const dialect of ['classic', 'sharded']) {
  test(`${dialect}: an ACL user needs no more than the documentation says, and no less`, async (t) => {
    const redis = await startRedis()
    const ends = [() => redis.stop()]
    t.after(async () => {
      for (const end of ends) await end()
    })
    await redis.command('ACL', 'SETUSER', 'realtime', ...ACL.server)
    const section = { addresses: [redis.address], username: 'realtime', password: 'secret' }
    const config = { bridge: { dialect }, namespaces: { '/': {}, '/chat': {} } }
    const server = await startNode(backend, section, config)
    ends.unshift(() => server.stop())
    await notReady(server)
    await until(async () => /denied: redis refuses subscriptions: \d+, such as p?s?subscribe socket\.io#\/#/.test((await readiness(server)).text), 'it says that something is denied')
    await redis.command('ACL', 'SETUSER', 'realtime', ...ACL[dialect])
    await ready(server)
    await redis.command('ACL', 'LOG', 'RESET')

    const cluster = new Cluster(`redis://${redis.address}`)
    ends.unshift(() => cluster.close())
    const io = await cluster.server(dialect)
    for (const namespace of ['/', '/chat']) {
      const ours = await connect(t, server, newestVariants[1], { namespace, auth: { token: TOKEN, user: `ours in ${namespace}`, rooms: ['r'] } })
      await backend.of('OnConnected', ours.id)
      const { client, socket } = await cluster.client(io, { rooms: ['r'], namespace })
      const inbox = new Mailbox()
      client.onAny((...event) => inbox.put(event))
      // Both ways, for a room and for one socket, and a question with its answer.
      await until(async () => { // Node's server does not say when it listens
        await server.api.send({ target: { namespace, rooms: ['r'] }, event: eventOf('room', namespace) })
        return inbox.items.some(([name]) => name === 'room')
      }, 'the event for the room', 10_000)
      io.of(namespace).to('r').emit('back', namespace)
      await ours.event('back')
      io.of(namespace).to(ours.id).emit('private', namespace)
      await ours.event('private')
      await server.api.send({ target: { namespace, connection_ids: [socket.id] }, event: eventOf('to one') })
      await inbox.find(([name]) => name === 'to one', 'the event for one socket')
      assert.deepEqual((await io.of(namespace).fetchSockets()).map(({ id }) => id).sort(), [ours.id, socket.id].sort())
    }
    assert.equal((await readiness(server)).ready, true)
    assert.equal(await metric(server, 'realtime_redis_healthy'), 1)
    assert.equal(await redis.command('ACL', 'LOG'), '', 'Redis has refused nothing since')
  })
}
