// HTTP by hand, for what fetch hides or forbids.

import http from 'node:http'
import { within } from './wait.mjs'

// ask sends one request on a connection of its own and returns the answer: its
// status, headers and body, not decoded; 101 if the protocol was switched; 'closed' if the
// server closed without one.
export function ask(server, path, { method = 'GET', headers = {}, body } = {}) {
  const answer = new Promise((resolve, reject) => {
    const request = http.request(`${server.url}${path}`, { method, headers: { connection: 'close', ...headers } })
    request.on('response', async (response) => {
      const bytes = Buffer.concat(await response.toArray())
      resolve({ status: response.statusCode, headers: response.headers, bytes, text: String(bytes) })
    })
    request.on('upgrade', ({ statusCode: status, headers: given }, socket) => {
      socket.destroy()
      resolve({ status, headers: given, text: '' })
    })
    request.on('error', (error) => (error.code === 'ECONNRESET' ? resolve({ status: 'closed', headers: {} }) : reject(error)))
    request.end(body)
  })
  return within(answer, `${method} ${path}`)
}

// UPGRADE are the headers of a WebSocket handshake.
export const UPGRADE = {
  'connection': 'Upgrade',
  'upgrade': 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

export const POLLING = '/socket.io/?EIO=4&transport=polling'
export const WEBSOCKET = '/socket.io/?EIO=4&transport=websocket'

// sidOf is the id of the session that an answer has opened.
export const sidOf = ({ text }) => JSON.parse(text.slice(1)).sid
