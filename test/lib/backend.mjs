// A RealtimeBackend made with @grpc/grpc-js. What it does to a client is
// written in the client's own `auth` option and event names, so that tests
// share one backend without getting in each other's way.

import grpc from '@grpc/grpc-js'
import { ownAddress } from './address.mjs'
import { RealtimeBackend, argOf, codes, eventOf } from './grpc.mjs'
import { Mailbox, within } from './wait.mjs'

export const TOKEN = 'your-test-token'
export const SECRET = 'a detail that clients must not see'

const failure = (code) => Object.assign(new Error(SECRET), { code, details: SECRET })

const timestamp = (ms) => ({ seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1e6 })

// How to authenticate, by auth.how.
const authenticators = {
  token({ token, user, rooms, events = [], compress, metadata, lifetime, token_id }) {
    if (token !== TOKEN) return { refuse: { code: 'BAD_TOKEN', message: 'The token is not valid' } }
    const accept = { user_id: user, rooms, metadata, token_id, events: events.map((event) => ({ ...eventOf(...event), compress })) }
    if (lifetime) accept.expires_at = timestamp(Date.now() + lifetime)
    return { accept }
  },
  refuse({ refuse }) {
    return { refuse }
  },
  silent() {
    return {}
  },
  crowd({ count }) {
    return { accept: { rooms: Array.from({ length: count }, (_, i) => `room ${i}`) } }
  },
  fail({ code }) {
    throw failure(codes[code])
  },
  hang() {},
}

const SLOW_MS = 350

// What to acknowledge, by event name; any other event gets an empty reply.
const nothing = () => ({})
const answers = {
  echo: ({ args }) => ({ ack: args }),
  several: () => ({ ack: [1, 'two', { three: 3 }, null].map(argOf) }),
  fail: ({ args }) => {
    throw failure(codes[JSON.parse(args[0].json)])
  },
  nonsense: () => ({ ack: [{ json: '{' }] }),
  slow: ({ args }) => new Promise((resolve) => setTimeout(resolve, SLOW_MS, { ack: args.slice(1) })),
  hang() {},
}

// handlers answer a backend's calls, by method.
export const handlers = {
  Authenticate({ handshake: { claims } }) {
    const given = JSON.parse(claims.auth_json)
    const asked = given.auth ?? claims.query.auth // of clients of Socket.IO 2
    const auth = asked ? JSON.parse(asked) : given
    return authenticators[auth.how ?? 'token'](auth)
  },
  OnConnected: () => ({}),
  OnEvent: ({ event }) => (answers[event.name] ?? nothing)(event),
  OnDisconnected: () => ({}),
}

// startBackend listens on an address of its own, or on the one given. own are
// handlers instead of those above: what one returns is the reply, and one that
// returns nothing replies when it likes.
export async function startBackend(address = ownAddress(), own = {}) {
  const methods = { ...handlers, ...own }
  const server = new grpc.Server({ 'grpc.max_receive_message_length': 8 << 20 })
  const calls = new Mailbox()
  const serve = (method) => async (call, reply) => {
    calls.put({ method, request: call.request, at: Date.now() })
    try {
      const answer = await methods[method](call.request, reply, call)
      if (answer !== undefined) reply(null, answer) // otherwise the caller waits in vain
    } catch (error) {
      reply(error)
    }
  }
  server.addService(RealtimeBackend.service, Object.fromEntries(
    Object.keys(methods).map((method) => [method, serve(method)]),
  ))
  const bound = new Promise((resolve, reject) => {
    const done = (error, bound) => (error ? reject(error) : resolve(bound))
    server.bindAsync(address, grpc.ServerCredentials.createInsecure(), done)
  })
  return {
    address: `${address.split(':')[0]}:${await within(bound, 'backend listens')}`,
    calls,
    // of waits for a call about one connection.
    of: (method, connectionId, passes = () => true) => calls.find(
      (call) => call.method === method && call.request.context.connection_id === connectionId && passes(call.request),
      `${method} of ${connectionId}`,
    ),
    stop: () => server.forceShutdown(),
  }
}
