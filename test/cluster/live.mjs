#!/usr/bin/env node
// A Node server with two clients, for the tests of sio/nodewire: they publish
// what our nodes would, and hear what becomes of it.
//
//   node live.mjs ADDRESS ADAPTER MODE
//
// MODE is the subscriptionMode of the sharded adapter.
//
// It reads commands from its standard input and writes what happens to its
// standard output, both as lines of JSON. Bytes are {"$bytes": "00ff"} there. It
// ends with its input.

import { createInterface } from 'node:readline'
import { until } from '../lib/wait.mjs'
import { monitor } from './lib/monitor.mjs'
import { Cluster } from './lib/peers.mjs'

const [address, adapter, subscriptionMode] = process.argv.slice(2)
const isSharded = adapter === 'sharded'

const tell = (happened) => process.stdout.write(`${JSON.stringify(happened)}\n`)

// spell makes JSON of values, and read makes values of JSON.
function spell(value) {
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return { $bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return value.map(spell)
  if (!value || typeof value !== 'object') return value === undefined ? null : value
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, spell(member)]))
}
const read = (text) => JSON.parse(text, (_, value) => (value?.$bytes === undefined ? value : Buffer.from(value.$bytes, 'hex')))

const cluster = new Cluster(`redis://${address}`)
const io = await cluster.server(adapter, { subscriptionMode })
const publisher = await cluster.redis()
await monitor(await cluster.redis(), (channel, body) => tell({ what: 'published', channel: channel.toString(), body: body.toString('hex') }))

// The server takes whoever subscribes for a server: this one is ours.
const ours = await cluster.redis()
if (isSharded) await ours.sSubscribe('socket.io#/#', () => {})
else await ours.subscribe('socket.io-request#/#', () => {})
await cluster.subscribed([{ of: () => io.of('/') }], 2)

io.on('ours', (...args) => {
  const answer = args.at(-1) instanceof Function ? args.pop() : undefined
  tell({ what: 'server heard', args: spell(args) })
  answer?.(Buffer.from([9]))
})

const ids = {}
for (const name of ['first', 'second']) {
  const { client, socket } = await cluster.client(io, { rooms: ['all', name], data: { name, secret: Buffer.from([1]) }, auth: { token: name } })
  if (name === 'first') await socket.join(7)
  ids[name] = socket.id
  client.onAny((event, ...args) => {
    const answer = args.at(-1) instanceof Function ? args.pop() : undefined
    tell({ what: `${name} heard`, event, args: spell(args) })
    answer?.(event === 'askBytes' ? Buffer.from([7]) : `from ${name}`)
  })
  client.on('disconnect', (reason) => tell({ what: `${name} disconnected`, reason }))
}

const commands = {
  publish({ channel, body }) {
    const bytes = Buffer.from(body, 'hex')
    return isSharded ? publisher.sPublish(channel, bytes) : publisher.publish(channel, bytes)
  },
  async subscribed({ channel }) {
    await until(async () => (await publisher.pubSubShardNumSub([channel]))[channel] === 1, `subscribed to ${channel}`)
    tell({ what: 'result' })
  },
  async fetchSockets() {
    const found = await io.fetchSockets()
    tell({ what: 'result', value: spell(found.filter(({ id }) => !Object.values(ids).includes(id)).map(({ id, handshake, rooms, data }) => (
      { id, handshake, rooms: [...rooms], data }
    ))) })
  },
  async allRooms() {
    tell({ what: 'result', value: [...await io.of('/').adapter.allRooms()] })
  },
  async serverSideEmit({ args }) {
    tell({ what: 'result', value: spell(await io.serverSideEmitWithAck(...args)) })
  },
  async emit({ args }) {
    tell({ what: 'result', value: spell(await io.to('ours').timeout(10_000).emitWithAck(...args)) })
  },
}

tell({ what: 'ready', ids, uid: io.uid() })
for await (const line of createInterface({ input: process.stdin })) {
  const command = read(line)
  commands[command.do](command).catch((error) => tell({ what: 'failure', error: error.stack }))
}
await cluster.close()
process.exit() // the adapters keep timers for requests that were answered long ago
