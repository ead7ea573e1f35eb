// The process of remote-backend.mjs: it tells where it listens, and then answers
// each text with the number of calls of Authenticate whose auth has it.

import { startBackend } from './backend.mjs'

const { address, calls } = await startBackend(process.argv[2])

process.on('disconnect', () => process.exit()) // the test has ended
process.on('message', (text) => {
  process.send(calls.items.filter(({ method, request }) => (
    method === 'Authenticate' && request.handshake.claims.auth_json.includes(text)
  )).length)
})
process.send(address)
