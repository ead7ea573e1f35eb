// Waiting for things that happen, each with a deadline. Nothing here sleeps for
// a fixed time in the hope that something has happened meanwhile.

export const DEADLINE_MS = 5_000

// within is the promise's outcome, or an error that names what did not happen.
export async function within(promise, what, ms = DEADLINE_MS) {
  let timer
  const deadline = new Promise((_, reject) => {
    const late = new Error(`${what}: not within ${ms} ms`)
    timer = setTimeout(() => reject(late), ms)
  })
  try {
    return await Promise.race([promise, deadline])
  } finally {
    clearTimeout(timer)
  }
}

// next is the arguments of an emitter's next event.
export function next(emitter, event, ms) {
  return within(new Promise((resolve) => emitter.once(event, (...args) => resolve(args))), `event ${event}`, ms)
}

// until asks again and again until the answer is truthy, and returns it.
export async function until(check, what, ms = DEADLINE_MS) {
  const end = Date.now() + ms
  for (;;) {
    const answer = await check()
    if (answer) return answer
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

// Mailbox keeps everything that was put into it, in order, and lets readers
// wait for what has not come yet.
export class Mailbox {
  items = []
  #readers = new Set()

  put(item) {
    this.items.push(item)
    for (const read of this.#readers) read(item)
  }

  // find is the first item that passes.
  find(passes, what, ms) {
    const found = this.items.findIndex(passes)
    if (found >= 0) return Promise.resolve(this.items[found])
    return this.#wait((item) => passes(item) && [item], what, ms).then(([item]) => item)
  }

  // take is the first n items.
  async take(n, ms) {
    const enough = () => this.items.length >= n
    if (!enough()) await this.#wait(enough, `${n} items`, ms)
    return this.items.slice(0, n)
  }

  // wait is the first truthy answer about an item that comes.
  async #wait(look, what, ms) {
    let read
    const later = new Promise((resolve) => {
      read = (item) => {
        const answer = look(item)
        if (answer) resolve(answer)
      }
      this.#readers.add(read)
    })
    try {
      return await within(later, what, ms)
    } catch (error) {
      const last = JSON.stringify(this.items.slice(-3)).slice(0, 2_000)
      error.message += `; there are ${this.items.length}, the last: ${last}`
      throw error
    } finally {
      this.#readers.delete(read)
    }
  }
}
