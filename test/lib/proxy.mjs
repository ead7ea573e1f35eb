// A TCP proxy with the faults of a bad network.

import { createServer, connect } from 'node:net'

// startProxy forwards to whatever has an address, for example a server of
// startServer, and can be used in its place.
export async function startProxy(t, server) {
  const [host, port] = server.address.split(':')
  const pairs = new Set()
  let silent = false
  let hole = false
  let delay = 0
  const forward = (from, to) => {
    from.on('data', (data) => {
      if (delay) setTimeout(() => to.write(data), delay)
      else to.write(data)
    })
    if (hole) from.pause()
  }
  const listener = createServer((client) => {
    const upstream = connect(Number(port), host)
    const pair = [client, upstream]
    pairs.add(pair)
    forward(client, upstream)
    forward(upstream, { write: (data) => silent || client.write(data) })
    for (const end of pair) {
      end.on('error', () => {}) // is an end as well
      end.on('close', () => {
        pairs.delete(pair)
        pair.forEach((other) => other.destroy())
      })
    }
  })
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  const address = `127.0.0.1:${listener.address().port}`
  const proxy = {
    ...server,
    address,
    url: `http://${address}`,
    // swallow loses what the server sends from now on, until cut.
    swallow() { silent = true },
    // blackHole lets nothing through, in any direction, and ends nothing. What
    // was sent meanwhile arrives when it ends.
    blackHole(on) {
      hole = on
      for (const end of [...pairs].flat()) on ? end.pause() : end.resume()
    },
    // slow makes each direction take so many milliseconds.
    slow(ms) { delay = ms },
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
