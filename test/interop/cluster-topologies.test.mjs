// Servers behind Sentinels and on a Redis Cluster, also when a master dies.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { enter, matched, ready, startNode } from '../lib/cluster.mjs'
import { eventOf } from '../lib/grpc.mjs'
import { startRedisCluster, startSentinels } from '../lib/redis.mjs'
import { until } from '../lib/wait.mjs'

const backend = await startBackend()
after(() => backend.stop())

const ROOMS = Array.from({ length: 40 }, (_, i) => `room ${i}`)

// oneCluster has an event for each room, for a user, a connection and everybody
// reach a client of the other server.
async function oneCluster(t, one, two, name) {
  const client = await enter(t, backend, two, name, ROOMS.map((room) => `${name} ${room}`))
  for (const room of ROOMS) {
    await until(async () => await matched(one, `${name} ${room}`, 'room', room) === 1, `${room} is reached`, 10_000)
  }
  await one.api.send({ target: { users: [name] }, event: eventOf('user') })
  await one.api.send({ target: { connection_ids: [client.id] }, event: eventOf('connection') })
  await one.api.broadcast({ event: eventOf(`${name} end`) })
  await client.event(`${name} end`)
  const heard = client.inbox.items.filter(([event]) => ['room', 'user', 'connection'].includes(event)).map((event) => event.join(' '))
  assert.deepEqual(heard, [...ROOMS.map((room) => `room ${room}`), 'user', 'connection'])
  const { connections, coverage } = await one.api.countConnections({ user_id: name })
  assert.deepEqual([connections, coverage.nodes_answered, coverage.partial], ['1', 2, false])
}

async function servers(t, redis) {
  const both = await Promise.all([1, 2].map(() => startNode(backend, redis)))
  t.after(() => Promise.all(both.map((server) => server.stop())))
  await ready(...both)
  return both
}

test('Sentinels: before and after the master died', async (t) => {
  const { master, sentinels, stop } = await startSentinels()
  t.after(stop)
  const [one, two] = await servers(t, { addresses: sentinels.map(({ address }) => address), master_name: 'main' })
  await oneCluster(t, one, two, 'before')
  const resident = await enter(t, backend, two, 'resident', ['resident'])
  await master.kill()
  await until(async () => await matched(one, 'resident', 'moved').catch(() => 0) === 1, 'the new master is used', 20_000)
  await resident.event('moved')
  await ready(one, two)
  await oneCluster(t, one, two, 'after')
})

test('a Redis Cluster: before and after a master died', async (t) => {
  const { masters, addresses, stop } = await startRedisCluster()
  t.after(stop)
  const [one, two] = await servers(t, { addresses })
  await oneCluster(t, one, two, 'before')
  await masters[1].kill()
  await until(async () => (await masters[0].command('CLUSTER', 'INFO')).includes('cluster_state:ok')
    && (await masters[0].command('CLUSTER', 'NODES')).includes('fail'), 'a replica takes over', 20_000)
  await ready(one, two)
  await oneCluster(t, one, two, 'after')
})
