// Package nodewire reads and writes the messages by which Node's Socket.IO
// servers talk to each other over Redis. It holds pure functions over bytes:
// who publishes and subscribes is somebody else's business.
//
// There are two dialects. Classic is that of @socket.io/redis-adapter 8 and
// @socket.io/redis-emitter 5: broadcasts in MessagePack, requests and responses
// in JSON or MessagePack, each with channels of its own. Sharded is that of
// createShardedAdapter of the same package: one envelope for all, in JSON, or in
// MessagePack if there are bytes. Both say the same things, so both are read
// into the same Message.
//
// Events stay what they are in the rest of the house: raw JSON with binary
// attachments. A message in MessagePack is first turned into the JSON text of
// the same value; then there is one reader, which cuts JSON and never builds
// values. Writing goes the same way back.
//
// The bytes come from outside. Sizes, counts and depth are bounded, see Limits,
// and what does not fit a format is an error and nothing worse.
package nodewire
