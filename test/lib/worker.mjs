// The program of startWorker: a worker made with @grpc/grpc-js. It says in JSON
// what happens to it, one line for each thing. SIGTERM makes it drain.

import grpc from '@grpc/grpc-js'
import { handlers } from './backend.mjs'
import { Realtime, codes } from './grpc.mjs'

const { addresses, credits, name, events, hang } = JSON.parse(process.argv[2])
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`)

const METHODS = {
  authenticate: 'Authenticate', authorize_join: 'AuthorizeJoin',
  on_connected: 'OnConnected', on_event: 'OnEvent', on_disconnected: 'OnDisconnected',
}

const streams = new Set()
let attempt = 0
let ending = false
let running = 0 // calls

function open() {
  const address = addresses[attempt % addresses.length]
  attempt += 1
  const stub = new Realtime(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 })
  const stream = stub.Attach()
  streams.add(stream)
  let moved = false
  stream.on('error', () => {}) // the status says it
  stream.on('status', ({ code, details }) => {
    streams.delete(stream)
    stub.close()
    say({ ended: code, details })
    if (!moved && !ending) setTimeout(open, 50)
  })
  stream.on('data', ({ message, ...response }) => {
    if (message === 'welcome') say({ attached: address, node: response.welcome.node_id })
    if (message === 'ping') stream.write({ pong: {} })
    if (message === 'call') answer(stream, response.call)
    if (message === 'move') {
      moved = true
      open()
    }
  })
  stream.write({ hello: { group: 'chat', worker: name, events, credits } })
}

async function answer(stream, call) {
  running += 1
  const field = call.request
  const { context, event } = call[field]
  say({
    method: METHODS[field], id: context.connection_id, attempt: context.attempt, running,
    event: event?.name, args: event?.args.map(({ json }) => JSON.parse(json)),
  })
  const outcome = await outcomeOf(field, call[field])
  if (!outcome) return // it is never answered
  running -= 1
  stream.write({ result: { id: call.id, ...outcome } })
}

async function outcomeOf(field, request) {
  if (hang.includes(METHODS[field]) || hang.includes(request.event?.name)) return undefined
  if (request.event?.name === 'who') return { on_event: { ack: [{ json: JSON.stringify(name) }] } }
  if (request.event?.name === 'work') { // takes as long as its second argument says
    await new Promise((resolve) => setTimeout(resolve, JSON.parse(request.event.args[1].json)))
    return { on_event: { ack: request.event.args } }
  }
  try {
    const reply = handlers[METHODS[field]](request)
    return reply && { [field]: reply }
  } catch ({ code = codes.UNKNOWN, details }) {
    return { error: { code, message: details } }
  }
}

process.on('SIGTERM', () => {
  ending = true
  for (const stream of streams) stream.write({ draining: {} })
})

open()
