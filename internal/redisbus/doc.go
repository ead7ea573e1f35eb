// Package redisbus carries messages between nodes over Redis: publish and
// subscribe, by interest. It knows channels and bytes, and nothing of what they
// mean. It works with a single server, behind Sentinels and in a Redis Cluster,
// and asks for nothing that Redis 6 does not have, or Redis 7 in a Cluster.
//
// # What is promised
//
//   - Redis may be absent: at the start, or for a while. Connections are looked
//     for again for ever. [Bus.Publish] ends with its context or after
//     [Config.CallTimeout], whatever Redis and the network do.
//   - A message is published at most once, and a handler hears it at most once.
//     Messages of one goroutine to one channel arrive in order.
//   - [Bus.Subscribe] outlives connections. A new connection counts as well only
//     when Redis has confirmed every name, and when a message to ourselves has
//     come back on it. What was published in between is lost; [Health.Losses]
//     says that there was such a time.
//   - [Bus.Health] depends on that way there and back, not on PING: a server that
//     was left behind by a failover answers everything.
//   - What waits is bounded by [Config.MaxQueue], in bytes; the message that
//     reaches the bound is still taken. A slow handler stops the reading, so what
//     is on its way to us waits in Redis, by its client-output-buffer-limit.
//
// # How it works
//
// A path is a way to one Redis server and back: a lane that publishes, a feed
// that listens and a probe that sends messages from one to the other. A bus has
// one path. In a Redis Cluster it has 16, since there a channel lives on one
// server, by the hash tag in its name (SPUBLISH, SSUBSCRIBE), and one more once
// [Bus.Foreign] is used.
//
// [Bus.Close] ends and awaits all goroutines: for each path one that keeps the
// lane, one that keeps the feed and one for the probe, and while there are
// connections a reader and a writer for each; and one that calls the hooks. No
// handler, hook, log or network call runs under a lock. Bus.mu comes before
// lane.mu and feed.mu; those, probe.mu and health.mu stand alone.
//
// # Why not go-redis alone
//
// Commands go through go-redis ([Bus.Client]), and so does the knowledge of
// which server of a Cluster has a slot. Lane and feed speak RESP 2 themselves
// (resp.go, event.go). Speed is not the reason: in BenchmarkPublish and
// BenchmarkReceive neither is ahead everywhere. These are, as of go-redis 9.23:
//
//   - PubSub hides its connection. It makes a new one by itself, in the middle of
//     any call, and puts all names into one command without looking at the
//     confirmations; for 100,000 names Redis does nothing else for 0.1 s.
//     Which names are heard, on which connection, on which server, since when:
//     we promise all of that and could ask for none of it.
//   - A connection that leads to the wrong server has to be dropped although it
//     works, and one has to ask ROLE on the very connection that publishes.
//     Pools choose the connection themselves.
//   - AutoPipeline, the only part that shares a connection between callers, is
//     experimental, and its queue is bounded by the number of commands.
//
// A client, a pool and a PubSub for each single connection, with a dialer that
// works once so that nothing reconnects by itself, would get around the first
// two. It would rest on how go-redis behaves inside, which changes, to save two
// short files about a format that does not. FuzzReader guards them. Should
// go-redis offer connections that can be owned, they can go.
//
// # Files
//
//	bus.go           Bus: New, Publish, Close; names of channels in Redis
//	config.go        Config and what is wrong with one
//	tls.go           TLS
//	errors.go        Error, its classes and causes
//	metrics.go       what is counted
//	health.go        Health, made from what all parts say; hooks
//	subscription.go  Subscribe, Unsubscribe, Subscription.Wait
//	foreign.go       channels of other programs, patterns
//	subscribers.go   how many listen to them
//	path.go          path: lane, feed and probe together
//	environment.go   what they share; how each gets its connection
//	lane.go          lane: publishes in order over one connection
//	queue.go         its line of calls
//	feed.go          feed: one listening connection after another
//	interest.go      names that are wanted, and the commands made of them
//	probe.go         probe: do messages come back, and if not, why
//	buckets.go       the 16 parts of the channels in a Cluster
//	topology.go      which server is responsible: fixed, by Sentinels, by slot
//	conn.go          connections: dial, TLS, AUTH, ROLE
//	backoff.go       how long to wait before the next attempt
//	resp.go          RESP 2: commands, and replies to them
//	event.go         RESP 2: what a listening connection hears
//	client.go        the go-redis client for commands
//	goredislog.go    go-redis's own log
package redisbus
