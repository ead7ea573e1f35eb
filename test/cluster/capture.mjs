#!/usr/bin/env node
// Writes down what Node's servers say to each other over Redis, for the tests of
// sio/nodewire. `make capture` runs it:
//
//   node capture.mjs FOLDER
//
// Each file has what a program did, and below it the messages that Redis carried
// because of it: the channel, and the bytes, as they are if they are JSON, else
// in hexadecimal digits.

import { spawn } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ownAddress } from '../lib/address.mjs'
import { until } from '../lib/wait.mjs'
import { monitor } from './lib/monitor.mjs'
import { Cluster } from './lib/peers.mjs'

const [folder] = process.argv.slice(2)
const chat = '/chat'

// startRedis starts a server with an address of its own.
async function startRedis() {
  const [host] = ownAddress().split(':')
  const port = 6379
  const dir = await mkdtemp(join(tmpdir(), 'capture-'))
  const server = spawn('redis-server', ['--bind', host, '--port', port, '--dir', dir, '--save', '', '--protected-mode', 'no'])
  let log = ''
  server.stdout.on('data', (text) => { log += text })
  await until(() => log.includes('Ready to accept connections'), 'redis-server')
  return {
    url: `redis://${host}:${port}`,
    async stop() {
      server.kill()
      await rm(dir, { recursive: true })
    },
  }
}

// Recorder is what Redis carries.
class Recorder {
  #text = []
  #messages = []

  constructor(about) {
    this.#text.push(...about.map((line) => `# ${line}`))
  }

  heard = (channel, body) => {
    const text = body[0] === 0x7b ? body.toString() : body.toString('hex')
    this.#messages.push(`${JSON.stringify(channel.toString())} ${text}`)
  }

  // step is one thing that a program does, of which so many messages come.
  async step(title, count, act) {
    await act()
    await until(() => this.#messages.length >= count, `${title}: ${count} messages of ${JSON.stringify(this.#messages)}`)
    if (this.#messages.length > count) throw new Error(`${title}: ${this.#messages.join('\n')}`)
    this.#text.push('', `> ${title}`, ...this.#messages.splice(0))
  }

  write(name) {
    return writeFile(join(folder, name), `${this.#text.join('\n')}\n`)
  }
}

const answersOf = (operator, ...event) => new Promise((resolve) => operator.emit(...event, (error, answers) => resolve(answers)))

const values = () => [
  'values', undefined, null, true, 0, -1, 255, -32_768, 2 ** 40, -(2 ** 40), 2 ** 53 - 1, 1.5, 1e300, Infinity,
  'ä🙂\n', { z: 1, a: [{}, []], left: undefined }, new Date(0), new Date(1.5e12 + 1), new Date(-1),
]
const bytes = () => ['bytes', Buffer.from([1, 2, 3]), { in: [new Uint8Array([4]), new Uint16Array([5, 6])] }, new ArrayBuffer(2), Buffer.alloc(0)]

// broadcasts are the same in both dialects.
async function broadcasts(record, a) {
  await record.step('io.emit', 1, () => a.emit('hi', 1, 'x', { k: [true, null] }))
  await record.step('io.emit without arguments', 1, () => a.emit('hi'))
  await record.step('a name that is a number', 1, () => a.emit(7, 'x'))
  await record.step('io.of("/chat").emit', 1, () => a.of(chat).emit('hi'))
  await record.step('io.to("r1").emit', 1, () => a.to('r1').emit('hi'))
  await record.step('io.to(7).emit', 1, () => a.to(7).emit('hi'))
  await record.step('io.to("7").emit', 1, () => a.to('7').emit('hi'))
  await record.step('io.to("ä#b").emit', 1, () => a.to('ä#b').emit('hi'))
  await record.step('io.to("exactly twenty chars").emit', 1, () => a.to('exactly twenty chars').emit('hi'))
  await record.step('io.to(undefined).emit', 1, () => a.to(undefined).emit('hi'))
  await record.step('io.to(["r1", "r2"]).except("r3").volatile.compress(false).emit', 1, () => (
    a.to(['r1', 'r2']).except('r3').volatile.compress(false).emit('hi', 'v')
  ))
  await record.step('values', 1, () => a.emit(...values()))
  await record.step('bytes', 1, () => a.emit(...bytes()))
  await record.step('io.local.emit', 0, () => a.local.emit('hi'))
}

// requests are those that both dialects have. There are two servers, and a
// client at each of them that is in r1.
async function requests(record, a, first, second) {
  await record.step('socket.broadcast.emit', 1, () => first.socket.broadcast.emit('hi'))
  for (const { client } of [first, second]) client.on('ask', (answer) => answer(client === first.client ? 'first' : 'second', 'lost'))
  for (const { client } of [first, second]) client.on('askBytes', (_, answer) => answer(Buffer.from([7])))
  await record.step('io.timeout(1000).emit with an acknowledgement', 3, () => answersOf(a.timeout(1_000), 'ask'))
  await record.step('io.to("r1").timeout(900).emit with bytes and an acknowledgement', 3, () => (
    answersOf(a.to('r1').timeout(900), 'askBytes', Buffer.from([1]))
  ))
  await record.step('nobody acknowledges', 2, () => answersOf(a.to('nobody').timeout(5), 'ask'))
  await record.step('io.in("r1").socketsJoin(["n1", "n2"])', 1, () => a.in('r1').socketsJoin(['n1', 'n2']))
  await record.step('io.except("r3").socketsLeave("n1")', 1, () => a.except('r3').socketsLeave('n1'))
  await record.step('io.fetchSockets', 2, () => a.fetchSockets())
  await record.step('io.in("nobody").except("r1").fetchSockets', 2, () => a.in('nobody').except('r1').fetchSockets())
  await record.step('io.serverSideEmit', 1, () => a.serverSideEmit('other', 'x', { n: 1 }))
  await record.step('io.serverSideEmit with an acknowledgement', 2, () => a.serverSideEmitWithAck('serverSide', 1))
  const [theirs] = await a.in(second.socket.id).fetchSockets()
  await record.step('io.in(an id).fetchSockets', 2, () => {})
  await record.step('a socket of another server joins a room', 1, () => theirs.join('n3'))
  await record.step('and is asked something', 3, () => theirs.timeout(1_000).emitWithAck('ask'))
  await record.step('io.in("r9").disconnectSockets', 1, () => a.in('r9').disconnectSockets())
  await record.step('io.disconnectSockets(true)', 1, () => a.disconnectSockets(true))
}

async function classic(url) {
  const cluster = new Cluster(url)
  const record = new Recorder([
    '@socket.io/redis-adapter 8.3.0 and @socket.io/redis-emitter 5.1.0 with socket.io 4.8.4, and',
    '@socket.io/redis-adapter 7.2.0. Made by test/cluster/capture.mjs.',
  ])
  await monitor(await cluster.redis(), record.heard)
  const a = await cluster.server('classic')
  const b = await cluster.server('classic', { publishOnSpecificResponseChannel: true })
  await cluster.subscribed([a], 2)
  const client = (io) => cluster.client(io, { rooms: ['r1'], data: { user: 'ä', n: [1] }, auth: { token: 'x' }, query: { q: ['1', '2'] } })
  const [first, second] = [await client(a), await client(b)]

  await broadcasts(record, a)
  await record.step('io.allRooms', 2, () => a.of('/').adapter.allRooms())
  await requests(record, a, first, second)
  await emitted(record, await cluster.emitter())

  const old = await cluster.server('classic 7')
  await cluster.subscribed([a], 3)
  const third = await client(a)
  const { adapter } = old.of('/')
  await record.step('7.2: adapter.sockets', 3, () => adapter.sockets(new Set(['r1'])))
  await record.step('7.2: adapter.remoteJoin', 2, () => adapter.remoteJoin(third.socket.id, 'n1'))
  await record.step('7.2: adapter.remoteLeave', 2, () => adapter.remoteLeave(third.socket.id, 'n1'))
  await record.step('7.2: adapter.remoteDisconnect', 2, () => adapter.remoteDisconnect(third.socket.id, true))
  await record.write('classic.txt')
  await cluster.close()
}

// emitted is what redis-emitter says.
async function emitted(record, emitter) {
  await record.step('emitter.emit', 1, () => emitter.emit('hi', { k: [true, null] }))
  await record.step('emitter.of("/chat").to("r1").emit', 1, () => emitter.of(chat).to('r1').emit('hi'))
  await record.step('emitter.to("r1").to("r2").except("r3").volatile.compress(false).emit', 1, () => (
    emitter.to('r1').to('r2').except('r3').volatile.compress(false).emit('hi')
  ))
  await record.step('emitter.compress(true).emit with values', 1, () => emitter.compress(true).emit(...values()))
  await record.step('emitter.emit with bytes', 1, () => emitter.emit(...bytes()))
  await record.step('emitter.in("r1").socketsJoin("n1")', 1, () => emitter.in('r1').socketsJoin('n1'))
  await record.step('emitter.in("r1").except("r3").socketsLeave(["n1", "n2"])', 1, () => emitter.in('r1').except('r3').socketsLeave(['n1', 'n2']))
  await record.step('emitter.disconnectSockets', 1, () => emitter.in('r9').disconnectSockets())
  await record.step('emitter.serverSideEmit', 1, () => emitter.serverSideEmit('other', 1))
}

async function sharded(url) {
  const cluster = new Cluster(url)
  const record = new Recorder(['createShardedAdapter of @socket.io/redis-adapter 8.3.0 with socket.io 4.8.4.', 'Made by test/cluster/capture.mjs.'])
  await monitor(await cluster.redis(), record.heard)
  const a = await cluster.server('sharded')
  const b = await cluster.server('sharded')
  await cluster.subscribed([a], 2)
  const client = (io) => cluster.client(io, { rooms: ['r1'], data: { user: 'ä', n: [1] }, auth: { token: 'x' }, query: { q: ['1', '2'] } })
  const [first, second] = [await client(a), await client(b)]

  await broadcasts(record, a)
  await record.step('io.serverSideEmit with bytes', 1, () => a.serverSideEmit('other', Buffer.from([1])))
  second.socket.data.secret = Buffer.from([1, 2])
  await record.step('io.fetchSockets finds bytes', 2, () => a.fetchSockets())
  delete second.socket.data.secret
  await requests(record, a, first, second)
  await record.write('sharded.txt')
  await cluster.close()
}

const redis = await startRedis()
try {
  await classic(redis.url)
  await sharded(redis.url)
} finally {
  await redis.stop()
}
