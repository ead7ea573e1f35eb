#!/usr/bin/env node
// A Node server as a process of its own, for tests that stop or kill it.
//
//   node peer.mjs ADDRESS ADAPTER MODE
//
// It writes its URL as a line, and ends with its input.

import { Cluster } from './lib/peers.mjs'

const [address, adapter, subscriptionMode] = process.argv.slice(2)
const cluster = new Cluster(`redis://${address}`)
const io = await cluster.server(adapter, { subscriptionMode })
io.on('connection', (socket) => socket.join(socket.handshake.auth.rooms ?? []))
process.stdout.write(`${io.url}\n`)
for await (const _ of process.stdin) ; // until it ends
process.exit() // the adapters keep timers for requests that were answered long ago
