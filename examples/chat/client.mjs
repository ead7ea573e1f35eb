// A chat in the terminal:
//
//   node client.mjs alice-token [url of the server]
//
// What you type goes to the lobby; `/enter <room>` enters another room and
// talks there from then on.
import { createInterface } from "node:readline";

import { io } from "socket.io-client";

const [token, url = "http://127.0.0.1:3000"] = process.argv.slice(2);
const socket = io(url, { auth: { token } });
const terminal = createInterface({ input: process.stdin });
let room = "lobby";

const show = ({ room, from, text }) => console.log(`[${room}] ${from}: ${text}`);

socket.on("connect", () => console.log("* connected"));
socket.on("connect_error", ({ message, data }) => {
  console.log(`* ${message}`, data?.hint ?? "");
  // A broken backend may recover; a refused token stays refused. Without data
  // it was the network, and the client comes back by itself.
  if (data?.temporary) setTimeout(() => socket.connect(), 1_000);
  else if (data) process.exit(1);
});
socket.on("disconnect", (reason) => console.log(`* ${reason}`));
socket.on("history", (messages) => messages.forEach(show));
socket.on("message", show);
socket.on("left", ({ user }) => console.log(`* ${user} left`));

/** Emits an event and returns whether it was accepted. */
async function request(name, argument) {
  const { error } = await socket.emitWithAck(name, argument);
  if (error) console.log(`* ${error.reason ?? error.code}`);
  return !error;
}

for await (const line of terminal) {
  const [, wanted] = line.match(/^\/enter (.+)/) ?? [];
  if (!wanted) {
    await request("message", { room, text: line });
  } else if (await request("room:enter", { room: wanted })) {
    room = wanted;
    console.log(`* you are in ${room}`);
  }
}
socket.disconnect();
