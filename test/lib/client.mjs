// Stock Socket.IO clients: the oldest and the newest of the line, on every
// transport; and those that speak another dialect.

import { io as newest } from 'socket.io-client'
import second from 'socket.io-client-2-5'
import { io as oldest } from 'socket.io-client-4-0'
import msgpack from 'socket.io-msgpack-parser'
import { Mailbox, next, within } from './wait.mjs'

const transports = {
  'polling': ['polling'],
  'websocket': ['websocket'],
  'upgrade': ['polling', 'websocket'],
}

export const variants = [['4.0', oldest], ['4.8', newest]].flatMap(([version, io]) =>
  Object.keys(transports).map((transport) => ({ name: `${version} ${transport}`, transport, io })),
)
export const newestVariants = variants.filter(({ io }) => io === newest)

// MSGPACK is where servers of the tests speak MessagePack.
export const MSGPACK = '/socket.io-msgpack/'

const inMsgpack = { path: MSGPACK, parser: msgpack }
export const msgpackVariants = newestVariants.map((variant) => (
  { ...variant, name: `${variant.name} msgpack`, options: inMsgpack }
))

// Clients of Socket.IO 2 have no auth: it goes into the query, where
// startBackend looks for it.
export const secondVariants = Object.keys(transports).map((transport) => (
  { name: `2.5 ${transport}`, transport, io: second, second: true }
))

// optionsOf is what a client of this variant is made with.
export const optionsOf = (variant, { auth, ...options } = {}) => ({
  transports: transports[variant.transport],
  forceNew: true,
  reconnectionDelay: 20,
  reconnectionDelayMax: 200,
  ...variant.options,
  ...(variant.second ? { query: { auth: JSON.stringify(auth ?? {}) } } : auth && { auth }),
  ...options,
})

// Client is one socket of a stock client and everything that it received.
export class Client {
  constructor(t, server, variant, { namespace = '/', ...options } = {}) {
    this.transport = variant.transport
    this.socket = variant.io(server.url + namespace, optionsOf(variant, options))
    this.inbox = new Mailbox()
    if (variant.second) hearAll(this.socket, (event) => this.inbox.put(event))
    else this.socket.onAny((...event) => this.inbox.put(event))
    this.refusal = variant.second ? 'error' : 'connect_error'
    t.after(() => this.socket.disconnect())
  }

  get id() { return this.socket.id }
  get engine() { return this.socket.io.engine }

  // connected waits for the namespace, and for the transport that the variant
  // is about.
  async connected() {
    const outcome = new Promise((resolve, reject) => {
      if (this.socket.connected) return resolve()
      this.socket.once('connect', resolve)
      this.socket.once(this.refusal, (error) => reject(withData(error)))
    })
    await within(outcome, 'connect')
    await this.settled()
    return this
  }

  async settled() {
    if (this.transport === 'upgrade' && this.engine.transport.name !== 'websocket') await next(this.engine, 'upgrade')
    return this
  }

  // ask emits an event and returns the arguments of its acknowledgement.
  ask(name, ...args) {
    return within(new Promise((resolve) => {
      this.socket.emit(name, ...args, (...answer) => resolve(answer))
    }), `acknowledgement of ${name}`)
  }

  // event waits for the first event of a name and returns its arguments.
  async event(name, ms) {
    const [, ...args] = await this.inbox.find(([found]) => found === name, `event ${name}`, ms)
    return args
  }
}

// hearAll is onAny for clients that have none.
function hearAll(socket, hear) {
  const { onevent } = socket
  socket.onevent = function (packet) {
    hear([...packet.data])
    onevent.call(this, packet)
  }
}

const withData = (error) => Object.assign(new Error(), error, { message: `${error.message} ${JSON.stringify(error instanceof Error ? error.data : error)}` })

// connect returns a client that is connected.
export function connect(t, server, variant, options) {
  return new Client(t, server, variant, options).connected()
}

// refused returns the connect_error of a client that must not get in; of a
// client of Socket.IO 2 its data alone.
export async function refused(t, server, variant, options) {
  const { socket, refusal } = new Client(t, server, variant, options)
  const [error] = await next(socket, refusal)
  return error
}
