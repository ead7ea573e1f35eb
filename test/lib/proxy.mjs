// A TCP proxy that can cut the connections between clients and a server, as a
// bad network does.

import { createServer, connect } from 'node:net'

// startProxy forwards to a server of startServer. It can be used in its place.
export async function startProxy(t, server) {
  const [host, port] = server.address.split(':')
  const pairs = new Set()
  let silent = false
  const listener = createServer((client) => {
    const upstream = connect(Number(port), host)
    const pair = [client, upstream]
    pairs.add(pair)
    client.pipe(upstream)
    upstream.on('data', (data) => silent || client.write(data))
    for (const end of pair) {
      end.on('error', () => {}) // is an end as well
      end.on('close', () => {
        pairs.delete(pair)
        pair.forEach((other) => other.destroy())
      })
    }
  })
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const proxy = {
    ...server,
    url: `http://127.0.0.1:${listener.address().port}`,
    // swallow loses what the server sends from now on, until cut.
    swallow() { silent = true },
    // cut ends all connections at once.
    cut() {
      silent = false
      for (const pair of pairs) pair.forEach((end) => end.destroy())
    },
  }
  t.after(() => {
    listener.close()
    proxy.cut()
  })
  return proxy
}
