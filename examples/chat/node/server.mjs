// The backend of a chat, in Node. realtime-server asks it who a client is and
// hands it what clients emit; it answers through the Realtime API.
//
// ../go/main.go is the same backend in Go. With --attach it dials out.
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";

import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

import { Worker } from "./attach.mjs";
import { Chat } from "./chat.mjs";

const { values: flags } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:50052" }, // what realtime-server calls
    realtime: { type: "string", default: "127.0.0.1:50051" }, // realtime-server's API
    attach: { type: "string" }, // the group as which to dial out, in place of listening
  },
});

const protos = loadSync(["realtime/v1/backend.proto", "realtime/v1/realtime.proto"], {
  includeDirs: [fileURLToPath(new URL("../../../proto", import.meta.url))],
  arrays: true, // empty lists are [], not undefined
});
const { Realtime, RealtimeBackend } = grpc.loadPackageDefinition(protos).realtime.v1;

const dial = (options) => new Realtime(flags.realtime, grpc.credentials.createInsecure(), options);
const realtime = dial();
const callTimeout = 5_000; // milliseconds

/** Calls a method of Realtime. */
const call = (method, request) =>
  new Promise((resolve, reject) => {
    const deadline = Date.now() + callTimeout;
    realtime[method](request, { deadline }, (error, reply) => (error ? reject(error) : resolve(reply)));
  });

const chat = new Chat(call);
const handlers = {
  Authenticate: async (request) => chat.authenticate(request),
  OnConnected: async () => chat.welcome(),
  OnEvent: async (request) => chat.event(request),
  OnDisconnected: async (request) => chat.left(request),
};

const serve = flags.attach ? dialOut : listen;
const stop = await serve();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => stop().then(() => realtime.close()));
}

/** Serves the handlers to whoever dials. Returns what ends that. */
async function listen() {
  const server = new grpc.Server();
  const handle = ([name, answer]) => [name, unary(answer)];
  server.addService(RealtimeBackend.service, Object.fromEntries(Object.entries(handlers).map(handle)));
  await promisify(server.bindAsync.bind(server))(flags.listen, grpc.ServerCredentials.createInsecure());
  console.error(`listening on ${flags.listen}`);
  return promisify(server.tryShutdown.bind(server));
}

/** Serves the handlers over a stream to realtime-server. Returns what ends that. */
async function dialOut() {
  const worker = new Worker({
    dial: () => dial({ "grpc.use_local_subchannel_pool": 1 }),
    hello: { group: flags.attach, worker: `chat/${process.pid}`, credits: 64 },
    handlers,
    log: console.error,
  });
  return () => worker.stop();
}

/** Makes an async function a gRPC handler. An error's `code` is its status. */
function unary(answer) {
  return (rpc, reply) =>
    answer(rpc.request).then(
      (response) => reply(null, response),
      (error) => reply(error),
    );
}
