// What Redis is told to publish. Its own account is used, because a subscriber
// more would be taken for a server more.

// monitor calls heard(channel, body), both Buffers, for whatever is published.
export async function monitor(client, heard) {
  await client.monitor((line) => {
    const [command, channel, body] = parts(line)
    if (/^s?publish$/i.test(command)) heard(channel, body)
  })
}

// parts are the quoted parts of a line of MONITOR, which are bytes with the
// escapes of C.
function parts(line) {
  return [...String(line).matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, quoted]) => (
    Buffer.from(quoted.replace(/\\(x[0-9a-f]{2}|.)/g, (_, escape) => escapes(escape)), 'latin1')
  ))
}

function escapes(escape) {
  if (escape.length > 1) return String.fromCharCode(parseInt(escape.slice(1), 16))
  return { n: '\n', r: '\r', t: '\t', a: '\x07', b: '\b' }[escape] ?? escape
}
