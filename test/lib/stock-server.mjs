#!/usr/bin/env node
// The service under test, made of Node's stock Socket.IO server: just enough of
// realtime-server to run the tests against it. What passes here is what stock
// clients are used to; what fails here only is what we promise beyond that.
//
//   TEST_SERVER_BIN=lib/stock-server.mjs node --test interop/

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { parseArgs } from 'node:util'
import grpc from '@grpc/grpc-js'
import { Server } from 'socket.io'
import msgpack from 'socket.io-msgpack-parser'
import { Realtime, RealtimeBackend, argOf, dial, valueOf } from './grpc.mjs'

const { values: flags } = parseArgs({
  options: Object.fromEntries(
    ['http', 'grpc', 'admin', 'log-format', 'backend', 'config']
      .map((name) => [name, { type: 'string' }])
      .concat([['dev', { type: 'boolean' }]]),
  ),
})
const config = flags.config ? JSON.parse(readFileSync(flags.config)) : {}
const backend = flags.backend && dial(RealtimeBackend, flags.backend)
const milliseconds = (text) => text && parseFloat(text) * (text.endsWith('ms') ? 1 : 1_000)
const seconds = (text) => text && milliseconds(text) / 1_000
const timeout = milliseconds(config.backend?.timeout ?? '5s')

const log = (msg, fields) => process.stderr.write(`${JSON.stringify({ msg, ...fields })}\n`)

// ---- browsers ----------------------------------------------------------------

const http = createServer()
const {
  ping_interval: pingInterval, ping_timeout: pingTimeout, upgrade_timeout: upgradeTimeout, connect_timeout: connectTimeout,
  allow_eio3: allowEIO3, cors, cookie, headers, initial_headers: initialHeaders, transports, allow_upgrades: allowUpgrades,
  websocket_compression: webSocketCompression, http_compression: httpCompression, recovery,
} = config.socketio ?? {}
const given = Object.entries({ pingInterval, pingTimeout, upgradeTimeout, connectTimeout }).filter(([, value]) => value)
const io = new Server(http, {
  serveClient: config.http?.serve_client ?? false,
  cleanupEmptyChildNamespaces: true, // as ours do
  ...Object.fromEntries(given.map(([name, value]) => [name, milliseconds(value)])),
  ...(allowEIO3 && { allowEIO3 }),
  ...(config.http?.msgpack_paths && { path: config.http.msgpack_paths[0], parser: msgpack }), // only this, unlike ours
  ...(transports && { transports }),
  ...(allowUpgrades !== undefined && { allowUpgrades }),
  ...(webSocketCompression && { perMessageDeflate: compressionOptions(webSocketCompression) }),
  ...(httpCompression && { httpCompression: compressionOptions(httpCompression) }),
  ...(recovery?.enabled && {
    connectionStateRecovery: { // where the backend is asked anew, as ours does
      skipMiddlewares: false,
      ...(recovery.max_disconnection && { maxDisconnectionDuration: milliseconds(recovery.max_disconnection) }),
    },
  }),
  ...(cors && { cors: corsOptions(cors) }),
  ...(cookie && { cookie: cookieOptions(cookie) }),
})
if (headers) io.engine.on('headers', (answer) => Object.assign(answer, headers))
if (initialHeaders) io.engine.on('initial_headers', (answer) => Object.assign(answer, initialHeaders))

// What stands in our configuration, in the words of npm's `cors` and `cookie`.
function corsOptions({
  origins, methods, allowed_headers: allowedHeaders, exposed_headers: exposedHeaders, credentials, max_age: maxAge,
  options_success_status: optionsSuccessStatus,
}) {
  const origin = origins.includes('*') ? '*' : origins.map((text) => (text.startsWith('^') ? new RegExp(text) : text))
  const options = { origin, methods, allowedHeaders, exposedHeaders, credentials, maxAge: seconds(maxAge), optionsSuccessStatus }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function cookieOptions({ http_only: httpOnly, same_site: sameSite, max_age: maxAge, ...rest }) {
  const options = { ...rest, httpOnly, sameSite, maxAge: seconds(maxAge) }
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
}

function compressionOptions({ enabled = true, threshold }) {
  return enabled && (threshold === undefined ? {} : { threshold })
}

// Stock Socket.IO has one name space for everything.
const roomsOf = (rooms) => rooms.map((room) => `room ${room}`)
const usersOf = (users) => users.map((user) => `user ${user}`)

const contextOf = (socket) => ({ connection_id: socket.id, namespace: socket.nsp.name, user_id: socket.data.user })
const plain = (values) => values.map((value) => (value instanceof ArrayBuffer ? Buffer.from(value) : value))
const error = (code, reason, temporary) => Object.assign(new Error(reason), { data: { code, reason, temporary } })

async function authenticate(socket) {
  if (!backend) return { rooms: ['news'], events: [], user_id: '' }
  const { auth, query } = socket.handshake
  const request = {
    context: contextOf(socket),
    handshake: {
      claims: { auth_json: JSON.stringify(auth), query },
      observed: { transport: socket.conn.transport.name, remote_address: socket.handshake.address.replace('::ffff:', '') },
    },
  }
  const reply = await backend.authenticate(request, timeout).catch(() => {
    throw error('BACKEND_UNAVAILABLE', 'unavailable', true)
  })
  if (reply.refuse) {
    const { code, message } = reply.refuse
    throw error(code || 'REFUSED', message || 'Connection refused', false)
  }
  if (!reply.accept || reply.accept.rooms.length > 1_000) throw error('BACKEND_INVALID_REPLY', 'invalid', true)
  return reply.accept
}

function expire(socket, { expires_at: at }) {
  if (at) setTimeout(() => socket.conn.close(), Number(at.seconds) * 1_000 + at.nanos / 1e6 - Date.now())
}

// valueIn is what a google.protobuf.Value says.
function valueIn({ kind, [kind]: value }) {
  if (kind === 'structValue') return Object.fromEntries(Object.entries(value.fields).map(([k, v]) => [k, valueIn(v)]))
  if (kind === 'listValue') return value.values.map(valueIn)
  return kind === 'nullValue' ? null : value
}

const spoken = (arg) => (arg.kind === 'value' ? valueIn(arg.value) : valueOf(arg))
const emit = (target, { name, args, compress }) => target.compress(compress ?? true).emit(name, ...args.map(spoken))

for (const name of Object.keys(config.namespaces ?? { '/': {} })) {
  const namespace = io.of(name.startsWith('^') ? new RegExp(name) : name)
  namespace.use(async (socket, next) => {
    try {
      socket.data.accept = await authenticate(socket)
      socket.data.user = socket.data.accept.user_id
      next()
    } catch (refusal) {
      next(refusal)
    }
  })
  namespace.on('connection', (socket) => {
    const { accept } = socket.data
    const connectedAt = Date.now()
    socket.join([...roomsOf(accept.rooms), `user ${accept.user_id}`])
    for (const event of accept.events) emit(socket, event)
    expire(socket, accept)
    let last = Promise.resolve()
    socket.onAny((event, ...args) => {
      const ack = typeof args.at(-1) === 'function' ? args.pop() : undefined
      last = last.then(() => answer(socket, event, plain(args), ack))
    })
    socket.on('disconnect', (reason) => {
      const lived = Date.now() - connectedAt
      const duration = { seconds: Math.trunc(lived / 1_000), nanos: (lived % 1_000) * 1e6 }
      backend?.onDisconnected({ context: contextOf(socket), reason, duration, detail: socket.data.detail })
    })
  })
}

async function answer(socket, name, args, ack) {
  if (name === 'join') socket.join(roomsOf(args[0].rooms))
  if (name === 'leave') roomsOf(args[0].rooms).forEach((room) => socket.leave(room))
  if (name === 'join' || name === 'leave') {
    return ack?.({ rooms: [...socket.rooms].filter((room) => room.startsWith('room ')).map((room) => room.slice(5)) })
  }
  if (!backend) return ack?.(...args)
  try {
    const event = { name, args: args.map(argOf) }
    const request = { context: contextOf(socket), event, ack_requested: Boolean(ack) }
    const reply = await backend.onEvent(request, timeout)
    ack?.(...reply.ack.map(valueOf))
  } catch (failure) {
    const [code, temporary] = {
      [grpc.status.DEADLINE_EXCEEDED]: ['BACKEND_TIMEOUT', true],
      [grpc.status.UNAVAILABLE]: ['BACKEND_UNAVAILABLE', true],
    }[failure.code] ?? ['BACKEND_ERROR', false]
    ack?.({ error: { code, reason: 'The backend failed', temporary } })
  }
}

// ---- backends ----------------------------------------------------------------

function select({
  namespace, rooms, users, connection_ids: ids,
  except_rooms: withoutRooms, except_users: withoutUsers, except_connection_ids: withoutIds,
}) {
  const names = [...roomsOf(rooms), ...usersOf(users), ...ids]
  if (names.length === 0) throw Object.assign(new Error('target is empty'), { code: grpc.status.INVALID_ARGUMENT })
  return io.of(namespace || '/').to(names).except([...roomsOf(withoutRooms), ...usersOf(withoutUsers), ...withoutIds])
}

const calls = {
  async Send({ target, event }) {
    const selected = select(target)
    const matched = (await selected.fetchSockets()).length
    emit(selected, event)
    return { message_id: '1', report: { matched } }
  },
  async JoinRoom({ target, rooms }) {
    const matched = (await select(target).fetchSockets()).length
    select(target).socketsJoin(roomsOf(rooms))
    return { matched, refused: 0 }
  },
  async LeaveRoom({ target, rooms }) {
    const matched = (await select(target).fetchSockets()).length
    select(target).socketsLeave(roomsOf(rooms))
    return { matched }
  },
  async Disconnect({ target, reason, allow_reconnect: allowReconnect, last_event: event }) {
    if (event) emit(select(target), event)
    const found = await select(target).fetchSockets()
    for (const { id } of found) {
      const socket = io.of(target.namespace || '/').sockets.get(id)
      socket.data.detail = reason
      if (allowReconnect) socket.conn.close()
      else socket.disconnect()
    }
    return { matched: found.length }
  },
  CountConnections({ namespace }) {
    return { connections: io.of(namespace || '/').sockets.size }
  },
}

// sendWithAck asks socket by socket, because Node says of a broadcast's answers
// not whose they are.
async function sendWithAck(call) {
  const { target, event, timeout } = call.request
  const wait = timeout ? Number(timeout.seconds) * 1_000 + timeout.nanos / 1e6 : 10_000
  const found = (await select(target).fetchSockets()).map(({ id }) => io.of(target.namespace || '/').sockets.get(id))
  call.write({ start: { message_id: '1', matched: found.length } })
  await Promise.all(found.map((socket) => new Promise((told) => {
    const whose = { connection_id: socket.id, user_id: socket.data.user }
    const asked = event.volatile ? socket.volatile.timeout(wait) : socket.timeout(wait)
    const gone = () => tell({ missing: { ...whose, reason: 'MISSING_ACK_REASON_DISCONNECTED' } })
    const tell = (result) => {
      socket.off('disconnect', gone)
      told(call.write(result))
    }
    socket.once('disconnect', gone)
    asked.emit(event.name, ...event.args.map(spoken), (error, ...args) => {
      if (error && !socket.connected) return
      if (error) return tell({ missing: { ...whose, reason: 'MISSING_ACK_REASON_TIMED_OUT' } })
      tell({ ack: { ...whose, args: plain(args).map(argOf) } })
    })
  })))
  call.end()
}

const api = new grpc.Server()
api.addService(Realtime.service, {
  SendWithAck: sendWithAck,
  ...Object.fromEntries(Object.entries(calls).map(([name, handle]) => [
    name,
    (call, reply) => Promise.resolve().then(() => handle(call.request)).then((answer) => reply(null, answer), reply),
  ])),
})

// ---- listeners ---------------------------------------------------------------

let draining = false
const admin = createServer((request, response) => response.writeHead(draining ? 503 : 200).end())

async function listen(listener, server, address) {
  const [host, port] = address.split(':')
  await new Promise((resolve) => server.listen(Number(port), host, resolve))
  log('listening', { listener, address: `${host}:${server.address().port}` })
}

await listen('http', http, flags.http)
api.bindAsync(flags.grpc, grpc.ServerCredentials.createInsecure(), (failure, port) => {
  log('listening', { listener: 'grpc', address: `127.0.0.1:${port}` })
})
await listen('admin', admin, flags.admin)

process.once('SIGTERM', () => {
  draining = true
  setTimeout(() => {
    io.engine.close()
    http.close()
    setTimeout(() => process.exit(0), 200)
  }, 200)
})
