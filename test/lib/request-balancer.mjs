// A load balancer that is not sticky: every request may go to another server.

import http from 'node:http'

// inTurn sends each request to the next server.
export const inTurn = () => {
  let last = -1
  return (servers) => servers[last = (last + 1) % servers.length]
}

// neverHome sends newcomers to the first server, and all that belongs to a
// session to the last.
export const neverHome = () => (servers, request) => (
  servers.at(new URL(request.url, 'http://test').searchParams.has('sid') ? -1 : 0)
)

// startRequestBalancer listens in front of some servers of startServer, and can be
// used in their place. It says where a client comes from, as balancers do.
export async function startRequestBalancer(t, servers, choose = inTurn()) {
  const sockets = new Set()
  const balancer = { servers: [...servers], requests: [] }
  const forward = (request) => {
    const server = choose(balancer.servers, request)
    balancer.requests.push({ url: request.url, server })
    const [host, port] = server.address.split(':')
    const headers = { ...request.headers, 'x-forwarded-for': request.socket.remoteAddress }
    const upstream = http.request({ host, port, method: request.method, path: request.url, headers, agent: false })
    upstream.once('socket', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))))
    return upstream
  }
  const listener = http.createServer((request, response) => {
    const upstream = forward(request)
    upstream.on('response', (answer) => {
      response.writeHead(answer.statusCode, answer.headers)
      answer.on('error', () => response.destroy()).pipe(response)
    })
    upstream.on('error', () => (response.headersSent ? response.destroy() : response.writeHead(502).end()))
    response.on('close', () => upstream.destroy())
    request.pipe(upstream)
  })
  listener.on('upgrade', (request, client, head) => {
    const upstream = forward(request)
    const refuse = () => client.end('HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    upstream.on('response', refuse).on('error', refuse)
    upstream.on('upgrade', (answer, socket, early) => {
      const lines = answer.rawHeaders.flatMap((name, i, all) => (i % 2 ? [] : `${name}: ${all[i + 1]}\r\n`))
      client.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('')}\r\n`)
      client.write(early)
      socket.write(head)
      for (const [from, to] of [[client, socket], [socket, client]]) {
        from.pipe(to)
        from.on('error', () => to.destroy()).on('close', () => to.destroy())
      }
    })
    upstream.end()
  })
  listener.on('connection', (socket) => sockets.add(socket.once('close', () => sockets.delete(socket))))
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve))
  balancer.url = `http://127.0.0.1:${listener.address().port}`
  t.after(() => {
    listener.close()
    for (const socket of sockets) socket.destroy()
  })
  return balancer
}
