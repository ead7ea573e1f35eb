// Workers that dial out (Realtime.Attach): processes of their own, so that tests
// can stop and kill them.

import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Mailbox, until, within } from './wait.mjs'

const PROGRAM = fileURLToPath(new URL('worker.mjs', import.meta.url))

// startWorker starts a worker that attaches to one of the servers, another one
// after each failure, and returns once it is attached.
//   credits    how many calls it takes at once
//   name       what the server's log calls it
//   events     those it takes; all without it
//   hang       methods, and events, that it never answers
export async function startWorker(t, servers, { credits = 16, name = 'worker', events = [], hang = [] } = {}) {
  const addresses = servers.map(({ grpc }) => grpc)
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify({ addresses, credits, name, events, hang })], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said = new Mailbox()
  createInterface({ input: child.stdout }).on('line', (line) => said.put(JSON.parse(line)))
  const exited = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)))
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const worker = {
    name,
    said,
    exited,
    signal: (name) => child.kill(name),
    async kill() {
      child.kill('SIGKILL')
      await within(exited, 'the worker ends')
    },
    // drain ends it as a deploy does, and returns its exit code.
    async drain() {
      child.kill('SIGTERM')
      return within(exited, 'the worker ends', 15_000)
    },
    // got waits for a call.
    got: (method, passes = () => true, ms = 5_000) => said.find((one) => one.method === method && passes(one), `${method} at ${name}`, ms),
    attached: (n) => until(() => said.items.filter((one) => one.attached).length >= n, `attached ${n} times`, 10_000),
    // events are the arguments of an event in the order in which they came.
    events: (event) => said.items.filter((one) => one.event === event).map(({ args }) => args),
  }
  await worker.attached(1)
  return worker
}
