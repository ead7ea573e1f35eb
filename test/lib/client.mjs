// Stock Socket.IO clients: the oldest and the newest of the line, on every
// transport.

import { io as newest } from 'socket.io-client'
import { io as oldest } from 'socket.io-client-4-0'
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

// optionsOf is what a client of this variant is made with.
export const optionsOf = (variant, options) => ({
  transports: transports[variant.transport],
  forceNew: true,
  reconnectionDelay: 20,
  reconnectionDelayMax: 200,
  ...options,
})

// Client is one socket of a stock client and everything that it received.
export class Client {
  constructor(t, server, variant, { namespace = '/', ...options } = {}) {
    this.transport = variant.transport
    this.socket = variant.io(server.url + namespace, optionsOf(variant, options))
    this.inbox = new Mailbox()
    this.socket.onAny((...event) => this.inbox.put(event))
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
      this.socket.once('connect_error', (error) => reject(withData(error)))
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

const withData = (error) => Object.assign(error, { message: `${error.message} ${JSON.stringify(error.data)}` })

// connect returns a client that is connected.
export function connect(t, server, variant, options) {
  return new Client(t, server, variant, options).connected()
}

// refused returns the connect_error of a client that must not get in.
export async function refused(t, server, variant, options) {
  const { socket } = new Client(t, server, variant, options)
  const [error] = await next(socket, 'connect_error')
  return error
}
