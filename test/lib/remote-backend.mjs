// A backend of startBackend in a process of its own, which tests kill, stop and
// start again.

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { ownAddress } from './address.mjs'
import { next, within } from './wait.mjs'

const MAIN = fileURLToPath(new URL('remote-backend-main.mjs', import.meta.url))

// startRemoteBackend listens on an address of its own, also after it was killed.
export async function startRemoteBackend() {
  let child
  let address = ownAddress()
  const start = async () => {
    child = fork(MAIN, [address], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    ;[address] = await next(child, 'message')
  }
  const kill = async () => {
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await within(exited, 'the end of the backend')
  }
  await start()
  return {
    get address() { return address },
    start,
    kill,
    stop: () => child.kill('SIGSTOP'),
    resume: () => child.kill('SIGCONT'),
    // asked is how many calls of Authenticate were about auth with such a text.
    async asked(text) {
      child.send(text)
      const [count] = await next(child, 'message')
      return count
    },
  }
}
