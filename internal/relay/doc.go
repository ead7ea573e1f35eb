// Package relay brings the requests of a session to the node that has it, where
// a load balancer sends them to any. The id of a session begins with the tag of
// its node (sio/engineio/id.go); who is not that node is a reverse proxy for it.
//
// # What passes
//
// Requests and answers pass as they are, with the host that the client has
// asked for, except for headers that belong to one connection (RFC 9110,
// section 7.6.1). Bodies are streamed. The headers that this node has prepared
// for an answer of its own, CORS included, give way to those of the owner. A
// request is sent once: a poll that was sent again would find a queue that the
// first one has emptied.
//
// # Whom to believe
//
// Nothing that a relayed request says about its client is believed, for nothing
// of it is asked: where a client comes from, over what, and whether it may come
// at all was decided when its session began, and that is never relayed. So there
// is nothing to sign and nothing to forge. The one thing that a node says, in the
// header Realtime-Relayed, is that the request must not be relayed again; who
// forges that is told that the session is unknown.
//
// # What is bounded
//
//   - Requests under way, WebSockets included, by Config.MaxInFlight.
//   - The time until an owner is reached, by Config.DialTimeout; until it
//     answers, by Params.Patience, in which a client without an answer gives up
//     as well; and until a client has taken the answer.
//   - What is under way to a node that no longer lives ends within a second of
//     that being known, WebSockets included.
//   - A request ends at the owner when its client leaves.
//
// Limits of clients and sessions are the owner's, as for every other request.
//
//	relay.go    Relay: Serve, Drain, Close
//	call.go     requests under way: how many, and whose owner has gone
//	forward.go  one request, to the owner and back
//	tunnel.go   what becomes of it after an upgrade
//	outcome.go  how it may end, and what the client is told
//	address.go  where an owner is, and how it is reached
package relay
