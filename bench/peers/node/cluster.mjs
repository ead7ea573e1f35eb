// Node's Socket.IO server as one of several on a Redis, for bench/cluster:
//
//   node --expose-gc cluster.mjs                      alone
//   node --expose-gc cluster.mjs classic host:port    with createAdapter
//   node --expose-gc cluster.mjs sharded host:port    with createShardedAdapter
//
// Rooms have a group and a number in it. Beside what main.mjs does, the door has
// /join and /leave: every socket, one after another, becomes a member of all
// rooms of the next group.
import { createServer } from 'node:http'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { door, listen } from './door.mjs'

const [mode, address] = process.argv.slice(2)
const [pub, sub] = mode ? await Promise.all([connect(), connect()]) : []
const adapters = { classic: createAdapter, sharded: createShardedAdapter }

const http = createServer()
const io = new Server(http, {
  transports: ['websocket'],
  serveClient: false,
  ...(mode && { adapter: adapters[mode](pub, sub) }),
})

async function connect() {
  const client = createClient({ url: `redis://${address}` })
  client.on('error', (error) => console.error(error.stack))
  return client.connect()
}

// published is when Redis has taken the last message. Adapters do not tell, so
// their connection does.
let published
for (const name of mode ? ['publish', 'sPublish'] : []) {
  const publish = pub[name].bind(pub)
  pub[name] = (...args) => (published = publish(...args))
}

const nameOf = (group, number) => `${group}.${number}`
const roomsOf = (group, rooms) => Array.from({ length: rooms }, (_, number) => nameOf(group, number))

// emit returns when Redis has taken the event.
async function emit(room, ...event) {
  io.to(room).emit(...event)
  await published
}

async function broadcast({ first, count, bytes, parallel, groups, rooms }) {
  const text = 'x'.repeat(bytes)
  let next = first
  const worker = async () => {
    while (next < first + count) {
      const n = next++
      for (let group = 0; group < groups; group++) await emit(nameOf(group, n % rooms), 'n', n, text)
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
}

async function end({ groups }) {
  for (let group = 0; group < groups; group++) await emit(nameOf(group, 0), 'end')
}

// each does something with every socket and the rooms of its group, and returns
// when Redis has obeyed.
async function each(groups, rooms, change) {
  const sockets = [...io.of('/').sockets.values()]
  await Promise.all(sockets.map((socket, i) => change(socket, roomsOf(i % groups, rooms))))
  await sub?.ping()
}

listen(http, 'http')
door({
  '/broadcast': broadcast,
  '/end': end,
  '/join': ({ groups, rooms }) => each(groups, rooms, (socket, names) => socket.join(names)),
  '/leave': ({ groups, rooms }) => each(groups, rooms, (socket, names) => Promise.all(names.map((name) => socket.leave(name)))),
  '/collect': () => globalThis.gc(),
})
