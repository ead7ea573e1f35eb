// Two servers and one Redis: whatever a backend asks one of them for, it gets of
// both.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startBackend } from '../lib/backend.mjs'
import { newestVariants } from '../lib/client.mjs'
import { enter as enterThrough, notReady, ready, startNode } from '../lib/cluster.mjs'
import { errorDetails, eventOf, valueOf } from '../lib/grpc.mjs'
import { startRedis } from '../lib/redis.mjs'
import { next, until } from '../lib/wait.mjs'

const redis = await startRedis()
const backend = await startBackend()
const start = () => startNode(backend, { addresses: [redis.address] })
const [one, two] = [await start(), await start()]
after(async () => {
  await Promise.all([one.stop(), two.stop()])
  backend.stop()
  await redis.stop()
})
await ready(one, two)

const enter = (t, server, user, rooms, variant, options) => enterThrough(t, backend, server, user, rooms, { variant, ...options })

const events = (client) => client.inbox.items.filter(([name]) => name !== 'end')

// finish ends every conversation with a last event.
async function finish(server, clients) {
  await server.api.send({ target: { connection_ids: clients.map(({ id }) => id) }, event: eventOf('end') })
  await Promise.all(clients.map((client) => client.event('end')))
  return clients.map(events)
}

for (const variant of newestVariants) {
  test(`${variant.name}: rooms, users, connections and everybody, on both servers`, async (t) => {
    const name = variant.name
    const here = await enter(t, one, `${name} ada`, [`${name} all`, `${name} here`], variant)
    const there = await enter(t, two, `${name} bob`, [`${name} all`, `${name} there`], variant)
    const send = (target, ...event) => one.api.send({ target, event: eventOf(...event), report_level: 'REPORT_LEVEL_WRITTEN' })
    for (const [target, matched, nodes] of [
      [{ rooms: [`${name} all`] }, 2, 2],
      [{ rooms: [`${name} there`] }, 1, 2],
      [{ rooms: [`${name} here`] }, 1, 1],
      [{ users: [`${name} bob`] }, 1, 2],
      [{ connection_ids: [there.id] }, 1, 2],
      [{ connection_ids: [here.id, there.id] }, 2, 2],
      [{ rooms: [`${name} all`, `${name} there`], users: [`${name} bob`], except_users: [`${name} ada`] }, 1, 2],
    ]) {
      const { report } = await send(target, 'news', target, Buffer.from([1, 2]))
      assert.deepEqual([report.matched, report.nodes, report.nodes_answered], [`${matched}`, nodes, nodes], JSON.stringify(target))
      assert.equal(Number(report.written) + Number(report.pending), matched)
    }
    const { report } = await one.api.broadcast({ event: eventOf('all'), except_rooms: [`${name} here`] })
    assert.equal(report.nodes, 2)
    const [a, b] = await finish(two, [here, there])
    assert.deepEqual(a.map(([event]) => event), ['news', 'news', 'news'])
    assert.deepEqual(b.map(([event]) => event), ['news', 'news', 'news', 'news', 'news', 'news', 'all'])
    assert.deepEqual(b[0][2], Buffer.from([1, 2]))
  })
}

test('order: what one server sends to a room arrives in order on both', async (t) => {
  const clients = await Promise.all([one, two].map((server) => enter(t, server, 'order', ['order'])))
  for (let n = 0; n < 300; n += 1) {
    await one.api.send({ target: { rooms: ['order'] }, event: eventOf('n', n), report_level: n % 2 ? 'REPORT_LEVEL_NONE' : 'REPORT_LEVEL_ROUTED' })
  }
  for (const heard of await finish(one, clients)) {
    assert.deepEqual(heard, Array.from({ length: 300 }, (_, n) => ['n', n]))
  }
})

test('joining, leaving and ending connections of another server', async (t) => {
  const client = await enter(t, two, 'mover', ['start'])
  const joined = await one.api.joinRoom({ target: { users: ['mover'] }, rooms: ['stage'] })
  assert.deepEqual([joined.matched, joined.coverage.partial], ['1', false])
  const at = (room) => one.api.send({ target: { rooms: [room] }, event: eventOf('at', room) }).then(({ report }) => report.matched)
  assert.equal(await at('stage'), '1')
  assert.equal((await one.api.leaveRoom({ target: { connection_ids: [client.id] }, rooms: ['start'] })).matched, '1')
  assert.equal(await at('start'), '0')
  const gone = next(client.socket, 'disconnect')
  assert.equal((await one.api.disconnect({ target: { rooms: ['stage'] }, last_event: eventOf('bye') })).matched, '1')
  assert.deepEqual(await gone.then(([reason]) => reason), 'io server disconnect')
  assert.deepEqual(events(client), [['at', 'stage'], ['bye']])
})

test('reads tell of both servers, page by page', async (t) => {
  const clients = await Promise.all(Array.from({ length: 7 }, (_, i) => enter(t, i % 2 ? one : two, `reader ${i % 3}`, ['read', `read ${i % 4}`])))
  const ids = clients.map(({ id }) => id).sort()
  const listed = []
  let page_token = ''
  do {
    const page = await one.api.listConnections({ room: 'read', page_size: 2, page_token })
    assert.deepEqual([page.coverage.nodes_asked, page.coverage.nodes_answered, page.coverage.partial], [2, 2, false])
    listed.push(...page.connections.map(({ id }) => id))
    page_token = page.next_page_token
  } while (page_token)
  assert.deepEqual(listed, ids)
  const rooms = []
  do {
    const page = await two.api.listRooms({ prefix: 'read', page_size: 2, page_token })
    rooms.push(...page.rooms.map(({ name, connections }) => [name, connections]))
    page_token = page.next_page_token
  } while (page_token)
  assert.deepEqual(rooms, [['read', '7'], ['read 0', '2'], ['read 1', '2'], ['read 2', '2'], ['read 3', '1']])
  const counted = await one.api.countConnections({ room: 'read' })
  assert.deepEqual([counted.connections, counted.users], ['7', '3'])
  for (const server of [one, two]) {
    const { connection } = await server.api.getConnection({ connection_id: ids[0] })
    assert.equal(connection.id, ids[0])
  }
  await assert.rejects(one.api.getConnection({ connection_id: `${ids[0].slice(0, 19)}~` }), (error) => (
    errorDetails(error).ErrorInfo.reason === 'CONNECTION_NOT_FOUND'
  ))
})

test('acknowledgements of clients on both servers, in one stream', async (t) => {
  const clients = await Promise.all([one, two, two, two].map((server, i) => enter(t, server, `asked ${i}`, ['asked'])))
  const [here, there, silent, leaver] = clients
  const left = leaver.id
  for (const { socket } of [here, there]) socket.on('well?', (what, ack) => ack(what, socket.id))
  leaver.socket.on('well?', () => leaver.socket.disconnect())
  const stream = await one.api.sendWithAck({ target: { rooms: ['asked'] }, event: eventOf('well?', Buffer.from([7])), timeout: { seconds: 1 } })
  const [{ start }, ...results] = stream
  assert.deepEqual([start.matched, start.coverage.nodes_asked, start.coverage.nodes_answered], ['4', 2, 2])
  const told = Object.fromEntries(results.map(({ ack, missing }) => (
    [(ack ?? missing).connection_id, ack ? ack.args.map(valueOf) : missing.reason]
  )))
  assert.equal(results.length, 4)
  assert.deepEqual(told, {
    [here.id]: [Buffer.from([7]), here.id],
    [there.id]: [Buffer.from([7]), there.id],
    [silent.id]: 'MISSING_ACK_REASON_TIMED_OUT',
    [left]: 'MISSING_ACK_REASON_DISCONNECTED',
  })
})

test('acknowledgements: a server that is killed meanwhile ends nobody else\'s stream', async (t) => {
  const third = await start()
  await ready(third)
  const lost = await enter(t, third, 'lost', ['asked twice'], newestVariants[1], { reconnection: false })
  const stays = await enter(t, two, 'stays', ['asked twice'])
  lost.socket.on('well?', () => third.signal('SIGKILL'))
  stays.socket.on('well?', (ack) => ack('here'))
  const [{ start: begun }, ...results] = await one.api.sendWithAck({ target: { rooms: ['asked twice'] }, event: eventOf('well?'), timeout: { seconds: 2 } })
  assert.equal(begun.message_id.length > 0, true)
  assert.deepEqual(results.map(({ ack }) => ack?.args.map(valueOf)), [['here']])
  await third.exited
})

test('a server that was killed makes no call fail or wait', async (t) => {
  const third = await start()
  await ready(third)
  await enter(t, third, 'victim', ['crash'], newestVariants[1], { reconnection: false })
  const resident = await enter(t, two, 'resident', ['crash'])
  assert.equal((await one.api.send({ target: { rooms: ['crash'] }, event: eventOf('before') })).report.matched, '2')
  third.signal('SIGKILL')
  await third.exited
  await until(async () => (await one.api.send({ target: { rooms: ['crash'] }, event: eventOf('after') })).report.matched === '1', 'only the resident')
  await resident.event('after')
})

// The last test, since it ends the Redis of the others.
test('without Redis each server goes on for itself, and both are one again when it is back', async (t) => {
  const [here, there] = [await enter(t, one, 'h', ['outage']), await enter(t, two, 't', ['outage'])]
  await redis.kill()
  await notReady(one)
  const request = { target: { rooms: ['outage'] }, event: eventOf('during') }
  await assert.rejects(one.api.send(request, 3_000), (error) => {
    const { ErrorInfo, RetryInfo } = errorDetails(error)
    return ErrorInfo.reason === 'CLUSTER_UNAVAILABLE' && RetryInfo.retry_delay.seconds === '1'
  })
  const { report } = await one.api.send({ ...request, allow_degraded: true }, 3_000)
  assert.deepEqual([report.matched, report.degraded], ['1', true])
  const counted = await one.api.countConnections({ room: 'outage' }, 3_000)
  assert.deepEqual([counted.connections, counted.coverage.partial], ['1', true])

  await redis.start()
  await ready(one, two)
  await until(async () => (await one.api.send({ target: { rooms: ['outage'] }, event: eventOf('again') })).report.matched === '2', 'both again')
  const [a, b] = await finish(one, [here, there])
  assert.deepEqual(a.filter(([name]) => name === 'during').length, 2)
  assert.deepEqual(b.filter(([name]) => name === 'during').length, 0)
})
