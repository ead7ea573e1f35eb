// A client as those of the Ignis framework are: connected first, authenticated
// by an event. It uses the stock client, and knows nothing of realtime-server.

import { io } from 'socket.io-client'
import { Mailbox, next, within } from './wait.mjs'

// NAMES are the events of the framework's component.
export const NAMES = {
  authenticate: 'authenticate', authenticated: 'authenticated', unauthenticated: 'unauthenticated',
  ping: 'ping', join: 'join', leave: 'leave',
}

// TIME is how times are written: ISO 8601, UTC, milliseconds.
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

export class IgnisClient {
  state = 'unauthorized'
  inbox = new Mailbox()
  ends = new Mailbox()

  constructor(t, server, { namespace = '/', names, ...options } = {}) {
    this.names = { ...NAMES, ...names }
    this.socket = io(server.url + namespace, { path: '/io', transports: ['websocket'], forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, ...options })
    this.socket.onAny((...event) => this.inbox.put(event))
    this.socket.on(this.names.authenticated, () => { this.state = 'authenticated' })
    for (const event of [this.names.unauthenticated, 'disconnect']) this.socket.on(event, () => { this.state = 'unauthorized' })
    this.socket.on('disconnect', (reason) => this.ends.put(reason))
    t.after(() => this.socket.disconnect())
  }

  get id() { return this.socket.id }

  async connected() {
    if (!this.socket.connected) await next(this.socket, 'connect')
    return this
  }

  // authenticate does nothing unless there is something to do.
  authenticate(...payload) {
    if (!this.socket.connected || this.state !== 'unauthorized') return
    this.state = 'authenticating'
    this.socket.emit(this.names.authenticate, ...payload)
  }

  // login is authenticate, and what came of it.
  async login(...payload) {
    await this.connected()
    this.authenticate(...payload)
    const { authenticated, unauthenticated } = this.names
    const [name, data] = await this.inbox.find(([event]) => event === authenticated || event === unauthenticated, 'an answer')
    return { name, data }
  }

  join(...rooms) { this.socket.emit(this.names.join, { rooms }) }
  leave(...rooms) { this.socket.emit(this.names.leave, { rooms }) }

  // ask emits an event and returns the first argument of its acknowledgement.
  ask(name, ...args) {
    return within(new Promise((resolve) => { this.socket.emit(name, ...args, resolve) }), `acknowledgement of ${name}`)
  }

  async event(name, ms) {
    const [, ...args] = await this.inbox.find(([found]) => found === name, `event ${name}`, ms)
    return args
  }

  // ended is why the connection ends.
  async ended(ms) {
    return this.ends.find(() => true, 'the end', ms)
  }

  get heard() { return this.inbox.items.map(([name]) => name) }
}

// enter returns a client that is authenticated.
export async function enter(t, server, options, ...payload) {
  const client = new IgnisClient(t, server, options)
  const { name, data } = await client.login(...payload)
  if (name !== client.names.authenticated) throw new Error(`${name}: ${JSON.stringify(data)}`)
  return client
}
