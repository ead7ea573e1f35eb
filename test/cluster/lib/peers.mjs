// Node's Socket.IO servers, redis-emitter and clients around one Redis.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createAdapter7 } from '@socket.io/redis-adapter-7'
import { Emitter } from '@socket.io/redis-emitter'
import { createClient } from 'redis'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { next, until } from '../../lib/wait.mjs'

const NAMESPACES = ['/', '/chat']

const adapters = {
  'classic': createAdapter,
  'classic 7': createAdapter7,
  'sharded': createShardedAdapter,
}

// Cluster is everything of one test, and ends it.
export class Cluster {
  #ends = []

  constructor(url) {
    this.url = url
  }

  // redis is a connection to the Redis.
  async redis() {
    const client = createClient({ url: this.url })
    client.on('error', (error) => process.stderr.write(`${error.stack}\n`))
    this.#ends.push(() => client.close())
    await client.connect()
    return client
  }

  // server is a Socket.IO server with one of the adapters.
  async server(adapter, options) {
    const http = createServer()
    const io = new Server(http, { adapter: adapters[adapter](await this.redis(), await this.redis(), options) })
    for (const name of NAMESPACES) {
      io.of(name).on('serverSide', (...args) => args.at(-1) instanceof Function && args.pop()('from node'))
    }
    http.listen(0, '127.0.0.1')
    await once(http, 'listening')
    this.#ends.unshift(() => io.close())
    const { port } = http.address()
    return Object.assign(io, { url: `http://127.0.0.1:${port}`, uid: (name = '/') => io.of(name).adapter.uid })
  }

  // client is a client of a server, and its socket there.
  async client(io, { namespace = '/', rooms = [], data = {}, ...options } = {}) {
    const client = connect(io.url + namespace, { transports: ['websocket'], forceNew: true, reconnection: false, ...options })
    this.#ends.unshift(() => client.close())
    const [socket] = await next(io.of(namespace), 'connection')
    Object.assign(socket.data, data)
    await socket.join(rooms)
    await until(() => client.connected, 'connected')
    return { client, socket }
  }

  // emitter is a process that is no server.
  async emitter(options) {
    return new Emitter(await this.redis(), options)
  }

  // subscribed waits until all servers have subscribed: they do not say when.
  async subscribed(servers, count) {
    for (const name of NAMESPACES) {
      await until(async () => (await servers[0].of(name).adapter.serverCount()) === count, `${count} servers in ${name}`)
    }
  }

  async close() {
    for (const end of this.#ends) await end()
  }
}
