// Serves the calls of realtime-server over streams that it opens itself
// (Realtime.Attach), for backends that cannot be dialled.

// The methods of RealtimeBackend, by what a call and its result name them.
const methods = {
  authenticate: "Authenticate",
  onConnected: "OnConnected",
  onEvent: "OnEvent",
  onDisconnected: "OnDisconnected",
  authorizeJoin: "AuthorizeJoin",
};

const unimplemented = 12; // codes of gRPC
const unknown = 2;
const lastPause = 5_000; // milliseconds between two attempts
const grace = 10_000; // milliseconds for calls in flight

/** Keeps a backend attached until it is stopped. */
export class Worker {
  #options;
  #streams = new Set();
  #timer; // of the next attempt
  #stopping = false;

  /**
   * @param options.dial makes a client of Realtime, of its own for each stream,
   *   so that a load balancer may choose another server
   * @param options.hello who it is: { group, worker, credits, … }
   * @param options.handlers async functions by the names of the methods
   * @param options.log hears what happens
   */
  constructor(options) {
    this.#options = options;
    this.#open(0);
  }

  /** Takes no more calls, and waits until those in flight are answered. */
  stop() {
    clearTimeout(this.#timer);
    this.#stopping = true;
    return Promise.all(Array.from(this.#streams, (stream) => {
      stream.write({ draining: {} }); // the server then ends the stream
      setTimeout(() => stream.cancel(), grace).unref();
      return new Promise((resolve) => stream.once("status", resolve));
    }));
  }

  #open(failures) {
    const { dial, hello, log } = this.#options;
    const realtime = dial();
    const stream = realtime.attach();
    this.#streams.add(stream);
    let moved = false;
    stream.on("data", ({ welcome, call, ping, move }) => {
      if (welcome) {
        failures = 0;
        log(`attached to ${welcome.nodeId}`);
      }
      if (call) this.#answer(stream, call);
      if (ping) stream.write({ pong: {} });
      if (move && !moved) {
        moved = true; // the server goes on with this stream until it needs it no more
        this.#openLater(0);
      }
    });
    stream.on("error", () => {}); // the status says it
    stream.on("status", ({ code, details }) => {
      this.#streams.delete(stream);
      realtime.close();
      if (code) log(`stream ended: ${details}`);
      if (!moved) this.#openLater(failures + 1);
    });
    stream.write({ hello });
  }

  /** Opens the next stream after a pause that differs from worker to worker. */
  #openLater(failures) {
    if (this.#stopping) return;
    const pause = Math.min(lastPause, 100 * 2 ** failures);
    this.#timer = setTimeout(() => this.#open(failures), pause * (0.5 + Math.random() / 2));
  }

  /** Answers a call: exactly once, whatever happens. */
  async #answer(stream, call) {
    const field = Object.keys(methods).find((name) => call[name]);
    const handler = this.#options.handlers[methods[field]];
    let outcome;
    try {
      outcome = handler
        ? { [field]: await handler(call[field]) }
        : { error: { code: unimplemented, message: "no such call" } };
    } catch (error) {
      outcome = { error: { code: error.code ?? unknown, message: error.details ?? error.message } };
    }
    stream.write({ result: { id: call.id, ...outcome } });
  }
}
