// Backends that dial out: workers that are killed, stopped and deployed while
// stock clients talk to them, on one server and on several.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startWorker } from '../lib/attach.mjs'
import { TOKEN } from '../lib/backend.mjs'
import { Client, connect, newestVariants } from '../lib/client.mjs'
import { QUICK, metric, readiness } from '../lib/cluster.mjs'
import { startRedis } from '../lib/redis.mjs'
import { startServer } from '../lib/server.mjs'
import { next, until, within } from '../lib/wait.mjs'

const [, websocket] = newestVariants
const ATTACH = { backend: { attach: 'chat', timeout: '10s' } }

const redis = await startRedis()
after(() => redis.stop())

// enter connects a client.
const enter = (t, server, user, options) => connect(t, server, websocket, { auth: { token: TOKEN, user }, ...options })

// alone starts a server.
async function alone(t, config = ATTACH) {
  const server = await startServer({ config })
  t.after(() => server.stop())
  return server
}

// together starts several servers of a cluster of their own.
async function together(t, n) {
  const prefix = `attach-${Math.random().toString(36).slice(2)}`
  const config = { ...ATTACH, redis: { ...QUICK, addresses: [redis.address], lease: '2s', prefix } }
  const servers = await Promise.all(Array.from({ length: n }, () => startServer({ config })))
  t.after(async () => { // the first one, which has the workers, ends last
    for (const server of servers.toReversed()) if (!server.gone) await server.stop()
  })
  for (const server of servers) await until(async () => (await readiness(server)).ready, 'ready', 20_000)
  return servers
}

// answered is the one argument of an acknowledgement.
const answered = async (client, ...event) => (await client.ask(...event))[0]

test('without a worker newcomers are told that it is temporary; with one all is as with a backend that is dialled', async (t) => {
  const server = await alone(t, { backend: { attach: 'chat', timeout: '500ms' } })
  const early = new Client(t, server, websocket, { auth: { token: TOKEN, user: 'early' }, reconnection: false })
  const [error] = await next(early.socket, 'connect_error')
  assert.equal(error.data.code, 'BACKEND_UNAVAILABLE')
  assert.equal(error.data.temporary, true)

  const worker = await startWorker(t, [server])
  const client = await enter(t, server, 'ann')
  await worker.got('OnConnected', ({ id }) => id === client.id)
  assert.deepEqual(await client.ask('echo', 1, 'two'), [1, 'two'])
  assert.equal((await answered(client, 'fail', 'PERMISSION_DENIED')).error.code, 'BACKEND_ERROR')
  const stranger = new Client(t, server, websocket, { auth: { token: 'wrong' } })
  const [refusal] = await next(stranger.socket, 'connect_error')
  assert.equal(refusal.data.code, 'BAD_TOKEN')
  const { id } = client
  client.socket.disconnect()
  await worker.got('OnDisconnected', (call) => call.id === id)
  assert.equal(await metric(server, 'realtime_attach_workers'), 1)
})

test('a client that comes before the worker waits for it', async (t) => {
  const server = await alone(t)
  const client = new Client(t, server, websocket, { auth: { token: TOKEN, user: 'early' } })
  const connected = client.connected()
  await until(async () => await metric(server, 'realtime_attach_calls_waiting') === 1, 'it waits')
  await startWorker(t, [server])
  await connected
})

test('a worker that is killed: Authenticate goes to another one, an event fails at once', async (t) => {
  const server = await alone(t)
  const doomed = await startWorker(t, [server], { name: 'doomed', hang: ['Authenticate'] })
  const newcomer = new Client(t, server, websocket, { auth: { token: TOKEN, user: 'ann' } })
  const connected = newcomer.connected()
  await doomed.got('Authenticate')
  const other = await startWorker(t, [server], { name: 'other' })
  await doomed.kill()
  await connected
  assert.equal((await other.got('Authenticate')).attempt, 2)

  const second = await startWorker(t, [server], { name: 'second', hang: ['quest'] })
  await other.drain()
  const begin = Date.now()
  const lost = answered(newcomer, 'quest')
  await second.got('OnEvent')
  await second.kill()
  const { error } = await lost
  assert.equal(error.code, 'BACKEND_UNAVAILABLE')
  assert.equal(error.temporary, true)
  assert.ok(Date.now() - begin < 5_000, 'it did not wait for the deadline')
  await startWorker(t, [server], { name: 'heir' }) // hears of the client's end
})

test('a worker that is stopped (SIGSTOP): others take over, and it goes on when it is continued', async (t) => {
  const server = await alone(t)
  const stopped = await startWorker(t, [server], { name: 'stopped', hang: ['Authenticate'] })
  const newcomer = new Client(t, server, websocket, { auth: { token: TOKEN, user: 'ann' } })
  const connected = newcomer.connected()
  await stopped.got('Authenticate')
  stopped.signal('SIGSTOP')
  t.after(() => stopped.signal('SIGCONT'))
  const other = await startWorker(t, [server], { name: 'other', hang: ['Authenticate'] })
  const begin = Date.now()
  await other.got('Authenticate', ({ attempt }) => attempt === 2, 8_000)
  assert.ok(Date.now() - begin < 6_000, 'silence is noticed')
  const third = await startWorker(t, [server], { name: 'third' })
  await other.kill()
  await connected
  for (let i = 0; i < 20; i += 1) assert.equal(await answered(newcomer, 'who'), 'third')
  stopped.signal('SIGCONT')
  await third.drain()
  assert.equal(await answered(newcomer, 'who'), 'stopped')
})

test('credits are never exceeded, whatever waits; two workers with one name are two', async (t) => {
  const server = await alone(t)
  const workers = await Promise.all([1, 3, 3].map((credits) => startWorker(t, [server], { credits, name: `w${credits}` })))
  const clients = await Promise.all(Array.from({ length: 30 }, (_, i) => enter(t, server, `user ${i}`)))
  await Promise.all(clients.map(async (client) => {
    for (let n = 0; n < 10; n += 1) assert.deepEqual(await client.ask('work', n, 5), [n, 5])
  }))
  for (const [i, most] of [1, 3, 3].entries()) {
    const running = workers[i].said.items.filter(({ method }) => method === 'OnEvent').map((call) => call.running)
    assert.ok(Math.max(...running) <= most, `${Math.max(...running)} calls for ${most} credits`)
    assert.ok(running.length > 10, `worker ${i} had ${running.length} calls`)
  }
})

test('a rolling deploy of the workers loses nothing: every event is answered, once and in order', async (t) => {
  const server = await alone(t)
  let workers = await Promise.all([0, 1, 2].map((i) => startWorker(t, [server], { name: `old ${i}`, credits: 4 })))
  const all = [...workers]
  const clients = await Promise.all([0, 1, 2, 3, 4, 5].map((i) => enter(t, server, `user ${i}`)))
  let deployed = false
  const talking = Promise.all(clients.map(async (client, who) => {
    let n = 0
    for (; !deployed || n < 50; n += 1) assert.deepEqual(await client.ask('work', `${who} ${n}`, 3), [`${who} ${n}`, 3])
    return n
  }))
  for (const [i, old] of workers.entries()) {
    all.push(await startWorker(t, [server], { name: `new ${i}`, credits: 4 }))
    old.signal('SIGTERM')
    await within(old.said.find(({ ended }) => ended !== undefined, 'the end'), 'the old worker ends', 10_000)
    assert.equal(old.said.items.at(-1).ended, 0, 'its stream ended with OK')
    await enter(t, server, `newcomer ${i}`)
  }
  deployed = true
  const counts = await talking
  const handled = all.flatMap((worker) => worker.events('work').map(([what]) => what))
  assert.equal(handled.length, counts.reduce((sum, n) => sum + n, 0))
  assert.equal(new Set(handled).size, handled.length)
  assert.ok(all.slice(3).every((worker) => worker.events('work').length > 0), 'the new workers have worked')
})

test('a deploy that leaves a gap: what clients emit meanwhile waits for the new worker', async (t) => {
  const server = await alone(t)
  const old = await startWorker(t, [server], { name: 'old' })
  const client = await enter(t, server, 'ann')
  assert.equal(await old.drain(), 0)
  const asked = answered(client, 'who')
  await until(async () => await metric(server, 'realtime_attach_calls_waiting') === 1, 'it waits')
  await startWorker(t, [server], { name: 'new' })
  assert.equal(await asked, 'new')
})

test('a worker that takes some events only gets no others; what nobody takes is an error', async (t) => {
  const server = await alone(t)
  const game = await startWorker(t, [server], { name: 'game', events: ['game:*', 'who'] })
  const client = await enter(t, server, 'ann')
  assert.equal(await answered(client, 'who'), 'game')
  assert.equal((await answered(client, 'echo', 1)).error.code, 'BACKEND_ERROR')
  await startWorker(t, [server], { name: 'rest', events: ['echo'] })
  assert.deepEqual(await client.ask('echo', 1), [1])
  await client.ask('game:move', 1)
  assert.deepEqual(game.events('game:move'), [[1]])
})

test('a worker at one node serves clients of the others, and its credits hold for all of them', async (t) => {
  const servers = await together(t, 3)
  const worker = await startWorker(t, [servers[0]], { credits: 2 })
  const clients = await Promise.all(servers.flatMap((server, i) => [0, 1, 2].map((n) => enter(t, server, `user ${i} ${n}`))))
  await Promise.all(clients.map(async (client) => {
    for (let n = 0; n < 10; n += 1) assert.deepEqual(await client.ask('work', n, 2), [n, 2])
  }))
  const running = worker.said.items.filter(({ method }) => method === 'OnEvent').map((call) => call.running)
  assert.equal(running.length, 90)
  assert.equal(Math.max(...running), 2)
  const { id } = clients[8]
  clients[8].socket.disconnect()
  await worker.got('OnDisconnected', (call) => call.id === id)
  for (const server of servers.slice(1)) assert.ok(await metric(server, 'realtime_attach_calls_forwarded_total') > 30)
})

test('the node of the worker is killed: Authenticate goes elsewhere, an event fails long before its deadline, and the worker comes back at another node', async (t) => {
  const [one, two] = await together(t, 2)
  const worker = await startWorker(t, [one, two], { name: 'moving', hang: ['quest'] })
  const client = await enter(t, two, 'ann')
  const begin = Date.now()
  const lost = answered(client, 'quest')
  await worker.got('OnEvent')
  one.signal('SIGKILL')
  one.gone = true
  const newcomer = enter(t, two, 'bob')
  const { error } = await lost
  assert.equal(error.code, 'BACKEND_UNAVAILABLE')
  assert.ok(Date.now() - begin < 7_000, `it took ${Date.now() - begin} ms`)
  await newcomer
  await worker.attached(2)
  assert.equal(await answered(client, 'who'), 'moving')
  one.api.close()
  await one.exited
})

test('the worker of another node is killed mid-call: its node tells at once', async (t) => {
  const [one, two] = await together(t, 2)
  const doomed = await startWorker(t, [one], { name: 'doomed', hang: ['quest', 'Authenticate'] })
  const helper = await startWorker(t, [two], { name: 'helper' })
  const client = await enter(t, two, 'ann') // whose own node has a worker
  await helper.drain()
  const lost = answered(client, 'quest')
  const newcomer = new Client(t, two, websocket, { auth: { token: TOKEN, user: 'bob' } })
  const connected = newcomer.connected()
  await doomed.got('OnEvent')
  await doomed.got('Authenticate')
  const begin = Date.now()
  await doomed.kill()
  assert.equal((await lost).error.code, 'BACKEND_UNAVAILABLE')
  assert.ok(Date.now() - begin < 1_500, `it took ${Date.now() - begin} ms`)
  const other = await startWorker(t, [one], { name: 'other' })
  await connected
  assert.equal((await other.got('Authenticate')).attempt, 2)
})

test('a node that ends: its worker attaches elsewhere, and hears of every connection that was there', async (t) => {
  const [one, two] = await together(t, 2)
  const worker = await startWorker(t, [one, two])
  const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => enter(t, one, `user ${i}`, { reconnection: false })))
  const ids = clients.map(({ id }) => id)
  await one.stop() // and its exit code is 0
  one.gone = true
  await worker.attached(2)
  for (const id of ids) await worker.got('OnDisconnected', (call) => call.id === id)
  const calls = worker.said.items.filter(({ method }) => method === 'OnDisconnected')
  assert.equal(calls.length, ids.length, 'each once')
  const client = await enter(t, two, 'later')
  assert.equal(await answered(client, 'who'), 'worker')
})

test('a server that is alone ends with its workers attached, in time, and they hear of every connection', async (t) => {
  const server = await startServer({ config: ATTACH })
  const worker = await startWorker(t, [server])
  const clients = await Promise.all(Array.from({ length: 20 }, (_, i) => enter(t, server, `user ${i}`, { reconnection: false })))
  const ids = clients.map(({ id }) => id)
  const begin = Date.now()
  await server.stop()
  assert.ok(Date.now() - begin < 5_000, `it took ${Date.now() - begin} ms`)
  for (const id of ids) await worker.got('OnDisconnected', (call) => call.id === id)
})
