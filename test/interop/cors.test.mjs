// Who may connect from which page.

import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { WebSocket } from 'ws'
import { endpoint, request } from '../lib/engine.mjs'
import { startServer } from '../lib/server.mjs'
import { within } from '../lib/wait.mjs'

const FRIEND = 'https://app.example.com'
const STRANGER = 'https://evil.example.net'

const server = await startServer({ config: { socketio: { cors: { origins: [FRIEND] }, close_timeout: '500ms' } } })
after(() => server.stop())

const allowed = (response) => response.headers.get('access-control-allow-origin')
const poll = (origin) => request(endpoint(server), { headers: origin && { origin } })

// handshake is 101, or the status and body of a refused WebSocket.
function handshake(origin) {
  const ws = new WebSocket(endpoint(server, { transport: 'websocket' }).replace('http', 'ws'), { origin })
  ws.on('error', () => {})
  return within(new Promise((resolve) => {
    ws.once('open', () => {
      ws.terminate()
      resolve([101])
    })
    ws.once('unexpected-response', async (_, response) => {
      const body = (await response.toArray()).join('')
      resolve([response.statusCode, body])
    })
  }), 'handshake')
}

const FORBIDDEN = '{"code":4,"message":"Forbidden"}'

test('an allowed origin', async () => {
  const response = await poll(FRIEND)
  assert.equal(response.status, 200)
  assert.equal(allowed(response), FRIEND)
  assert.deepEqual(await handshake(FRIEND), [101])
})

test('another origin', async () => {
  const response = await poll(STRANGER)
  assert.deepEqual([response.status, response.text], [403, FORBIDDEN])
  assert.equal(allowed(response), null)
  assert.deepEqual(await handshake(STRANGER), [403, FORBIDDEN])
})

test('the own origin, and none', async () => {
  assert.equal((await poll(server.url)).status, 200)
  assert.equal((await poll()).status, 200)
  assert.deepEqual(await handshake(server.url), [101])
  assert.deepEqual(await handshake(), [101])
})

test('a preflight, and the answer to an error', async () => {
  const headers = { 'origin': FRIEND, 'access-control-request-method': 'POST' }
  const preflight = await request(endpoint(server, { sid: 'x' }), { method: 'OPTIONS', headers })
  assert.equal(preflight.status, 204)
  assert.equal(allowed(preflight), FRIEND)
  const failure = await request(endpoint(server, { sid: 'x' }), { headers })
  assert.equal(failure.status, 400)
  assert.equal(allowed(failure), FRIEND, 'the page can read the error')
})
