// Package registry knows which nodes live and which connections each of them
// has. All of it is in Redis, on leases, so that nodes that end without a word
// are noticed and their connections told of.
//
// # Generations
//
// A node that joins gets a generation: a number that grows with every join of
// its node id. The node renews the lease of its generation three times in each
// lease. Every script asks whether the generation may still act, so what a
// process does that was paused, cut off or replaced has no effect; it is told
// through [Hooks.Over] at its next renewal.
//
// Leases are measured by the clock of Redis alone. A node's own clock decides
// only when it asks. If nobody renewed for half a lease, then it was Redis that
// was away, and all nodes get one more lease before any of them counts as dead.
//
// # Tags
//
// A node has a tag of four characters, with which the ids that it makes begin.
// It is drawn at random before Redis has answered, and registered on joining:
// ids are needed at once, also while Redis is away, and of 16.7 million tags
// hardly two are the same. Should that happen, the node that comes later draws
// anew; ids that it made before lead to the other node, which does not know
// them, as if the connection had ended. Waiting for Redis instead would turn
// every outage of Redis into one of the node. A tag rests for some leases after
// its node, so an old id does not lead to a newcomer.
//
// # What is guaranteed
//
// When the lease of a generation ends, one survivor claims it and hands its
// connections to [Hooks.Dead], page by page. Each page is removed only after the
// hook has taken it. So a connection whose record was in Redis is told
//
//   - at least once, as long as Redis keeps its data and a node lives or comes
//     before the retention ends;
//   - exactly once, unless the claimer fails between the begin of a page and its
//     removal: it dies, is paused or cut off for longer than its lease, is told
//     to end while the hook still runs, or the hook returns an error. Then that
//     page, and no other, is told again.
//
// A connection is not told if it began less than [Config.Linger] (and the time
// of a write) before its node died, or while Redis was away. One that ended in
// that time on its node, which has told that already, may be told again. If
// Redis loses its data, then living nodes write all of theirs again, under a new
// generation; the connections of nodes that were dead by then are lost.
//
// # Connections that move
//
// A client may get its connection back at another node ([Record.Move]). What its
// former nodes have of it then counts no more: after the new node has written its
// own record it removes theirs, in the same batch, and [Registry.Settled] waits
// for that. So the end is told once, whichever of the nodes dies, and in whatever order:
//
//   - the former one is dead: who claims it, before or after, finds nothing to tell.
//     A claimer looks once more before it tells of a page; what it told before the
//     connection came had ended, and begins anew.
//   - the former one hangs: it is rid of the record, and tells the end of its part
//     if it goes on in time. Otherwise it is fenced, and tells nothing.
//   - the new one dies as well: its record is told. If it died before it could
//     write, then the next node to which the client comes removes both.
//   - the connection has come back meanwhile: [Move.At] says which record is newer,
//     so what is written late removes nothing.
//
// If the new node is killed between its record and the removal, both are told.
//
// # Redis
//
// Redis should keep these keys (maxmemory-policy noeviction). What is evicted
// is written again by its node; what is evicted of a dead node is lost.
package registry
