// A load balancer that looks at readiness, as one in front of several servers
// does.

import { createServer, connect } from 'node:net'

// startBalancer forwards every new connection to the next of its servers that is
// ready. It can be used in the place of a server of startServer; servers may be
// added to the list and taken out.
export async function startBalancer(t, servers) {
  let turn = 0
  const ends = new Set()
  const pick = async () => {
    for (let tries = 0; tries < servers.length; tries += 1) {
      const server = servers[(turn += 1) % servers.length]
      const ready = await fetch(`${server.adminUrl}/readyz`).then(({ ok }) => ok, () => false)
      if (ready) return server
    }
  }
  const listener = createServer({ pauseOnConnect: true }, async (client) => {
    ends.add(client)
    client.on('error', () => {}) // is an end as well
    client.on('close', () => ends.delete(client))
    const server = await pick()
    if (!server) return client.destroy()
    const [host, port] = server.address.split(':')
    const upstream = connect(Number(port), host)
    upstream.on('error', () => {})
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
    client.resume()
  })
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    listener.close()
    ends.forEach((end) => end.destroy())
  })
  return { url: `http://127.0.0.1:${listener.address().port}`, servers }
}
