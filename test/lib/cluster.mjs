// Several servers on one Redis, and what they say of themselves.

import { connect, newestVariants } from './client.mjs'
import { TOKEN } from './backend.mjs'
import { eventOf } from './grpc.mjs'
import { startServer } from './server.mjs'
import { until } from './wait.mjs'

// QUICK is how tests want Redis to be watched.
export const QUICK = { probe_interval: '200ms', call_timeout: '1s', dial_timeout: '500ms' }

// startNode starts a server of a cluster. redis is its section of the
// configuration beside QUICK, http where browsers connect.
export const startNode = (backend, redis, config, http) => (
  startServer({ backend, http, config: { ...config, redis: { ...QUICK, ...redis } } })
)

// readiness is what load balancers are told.
export async function readiness(server) {
  const answer = await fetch(`${server.adminUrl}/readyz`)
  return { ready: answer.status === 200, text: (await answer.text()).trim() }
}

export const ready = (...servers) => Promise.all(servers.map((server) => (
  until(async () => (await readiness(server)).ready, 'ready', 20_000)
)))

export const notReady = (server) => until(async () => !(await readiness(server)).ready, 'not ready', 10_000)

// metric is the sum of a metric's values, of those whose labels contain a text.
export async function metric(server, name, labels = '') {
  const text = await (await fetch(`${server.adminUrl}/metrics`)).text()
  return text.split('\n').filter((line) => line.startsWith(name) && /[{ ]/.test(line[name.length]) && line.includes(labels))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
}

// enter connects a client to a server, and returns it once backends know of
// it.
export async function enter(t, backend, server, user, rooms, { variant = newestVariants[1], ...options } = {}) {
  const client = await connect(t, server, variant, { auth: { token: TOKEN, user, rooms }, ...options })
  await backend.of('OnConnected', client.id)
  return client
}

// matched is how many connections of a room got an event.
export async function matched(server, room, ...event) {
  const { report } = await server.api.send({ target: { rooms: [room] }, event: eventOf(...event) })
  return Number(report.matched)
}
