import { randomUUID } from "node:crypto";

// The room that everyone is in, and the one whose history is kept.
const lobby = "lobby";

const kept = 50; // messages of the history
const maxRoom = 32; // bytes of a room's name
const maxText = 1000; // bytes of a message's text

// The people of this chat, by their tokens.
const users = new Map([
  ["alice-token", "alice"],
  ["bob-token", "bob"],
]);

/** Answers the calls of realtime-server. */
export class Chat {
  #call;
  #history = []; // newest messages of the lobby, oldest first

  /** @param call calls a method of Realtime: (method, request) => Promise<reply> */
  constructor(call) {
    this.#call = call;
  }

  authenticate({ handshake }) {
    const { token } = JSON.parse(handshake.claims.authJson);
    const user = users.get(token);
    if (!user) {
      const hint = { stringValue: "try alice-token or bob-token" };
      return { refuse: { code: "BAD_TOKEN", message: "Unknown token", data: { structValue: { fields: { hint } } } } };
    }
    return { accept: { userId: user, rooms: [lobby] } };
  }

  /**
   * Sends the lobby's history. The client has been in the lobby since it was
   * accepted, so it misses nothing; what is sent right now may reach it twice,
   * and is recognised by its id.
   */
  welcome() {
    return { events: [newEvent("history", this.#history)] };
  }

  /** Answers with one argument: {ok: true, …} or {error: {code, reason}}. */
  async event(request) {
    return { ack: [json(await this.#answer(request))] };
  }

  #answer({ context, event }) {
    switch (event.name) {
      case "room:enter":
        return this.#enter(context, argument(event));
      case "message":
        return this.#message(context, argument(event));
      default:
        return refuse("UNKNOWN_EVENT", "No such event");
    }
  }

  async #enter(context, { room }) {
    if (!isText(room, maxRoom)) {
      return refuse("BAD_ROOM", "The argument is {room}, a name of 1 to 32 bytes");
    }
    await this.#call("JoinRoom", { target: { connectionIds: [context.connectionId] }, rooms: [room] });
    return { ok: true };
  }

  async #message(context, { room, text }) {
    if (!isText(room, Infinity) || !isText(text, maxText)) {
      return refuse("BAD_MESSAGE", "The argument is {room, text}, a text of 1 to 1000 bytes");
    }
    if (!(await this.#isMember(context, room))) {
      return refuse("NOT_IN_ROOM", "Enter the room first");
    }
    const message = { id: randomUUID(), room, from: context.userId, text, at: Date.now() };
    await this.#publish(message);
    return { ok: true, id: message.id };
  }

  /** Asks the server, which knows: a second list here could only be wrong. */
  async #isMember({ namespace, connectionId }, room) {
    const { connection } = await this.#call("GetConnection", { namespace, connectionId });
    return connection.rooms.includes(room);
  }

  /**
   * Writes the history first: whoever enters the lobby too late for Send then
   * finds the message in the history.
   */
  async #publish(message) {
    if (message.room === lobby) {
      this.#history = [...this.#history, message].slice(-kept);
    }
    await this.#call("Send", { target: { rooms: [message.room] }, event: newEvent("message", message) });
  }

  async left({ context }) {
    await this.#call("Send", { target: { rooms: [lobby] }, event: newEvent("left", { user: context.userId }) });
    return {};
  }
}

/** The acknowledgement of a request that breaks a rule of the chat. */
const refuse = (code, reason) => ({ error: { code, reason } });

const json = (value) => ({ json: JSON.stringify(value) });

const newEvent = (name, value) => ({ name, args: [json(value)] });

/** The first argument of a client's event; {} stands for anything that is no object. */
const argument = ({ args }) => JSON.parse(args[0]?.json ?? "null") ?? {};

const isText = (value, max) => typeof value === "string" && value !== "" && Buffer.byteLength(value) <= max;
