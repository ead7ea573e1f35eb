// Engine.IO by hand: the requests that a stock client makes, and those that it
// would never make.

import http from 'node:http'
import { WebSocket } from 'ws'
import { Mailbox, next, within } from './wait.mjs'

export const SEPARATOR = '\x1e'
export const packets = (body) => body.split(SEPARATOR)

// request returns status and body text of one HTTP request.
export async function request(url, options) {
  const response = await within(fetch(url, options), `${options?.method ?? 'GET'} ${url}`)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

export const endpoint = (server, query) =>
  `${server.url}/socket.io/?${new URLSearchParams({ EIO: '4', transport: 'polling', ...query })}`

// Session is one polling session, request by request.
export class Session {
  static async open(server) {
    const { text } = await request(endpoint(server))
    return new Session(server, JSON.parse(text.slice(1)))
  }

  constructor(server, handshake) {
    this.server = server
    this.handshake = handshake
    this.url = endpoint(server, { sid: handshake.sid })
  }

  poll(options) { return request(this.url, options) }
  post(body, options) { return request(this.url, { method: 'POST', body, ...options }) }

  // connect joins a namespace and returns what the poll brought.
  async connect(auth = '') {
    await this.post(`40${auth}`)
    return (await this.poll()).text
  }

  // cutPoll sends a poll and cuts its connection as soon as the request has left.
  cutPoll() {
    const get = http.get(this.url)
    get.once('finish', () => get.destroy())
    get.on('error', () => {}) // 'close' follows
    return next(get, 'close')
  }

  websocket() {
    return new RawSocket(this.server, { sid: this.handshake.sid })
  }
}

// RawSocket is a WebSocket and the frames that it received.
export class RawSocket {
  constructor(server, query) {
    this.ws = new WebSocket(endpoint(server, { transport: 'websocket', ...query }).replace('http', 'ws'))
    this.frames = new Mailbox()
    this.closed = new Promise((resolve) => this.ws.once('close', (code) => resolve(code)))
    this.ws.on('error', () => {}) // 'close' follows
    this.ws.on('message', (data, binary) => this.frames.put(binary ? data : String(data)))
  }

  async opened() {
    await next(this.ws, 'open')
    return this
  }

  send(text) { this.ws.send(text) }

  frame(text) { return this.frames.find((frame) => frame === text, `frame ${text}`) }

  whenClosed() { return within(this.closed, 'WebSocket closes') }
}
