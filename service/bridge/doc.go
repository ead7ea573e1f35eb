// Package bridge makes Node's Socket.IO servers, and its emitter, part of the
// cluster. What this node is asked to do for the connections of all, it tells
// Node's servers as well; what they say, it does for its own connections, and
// answers them as one of them would.
//
// Our nodes talk to each other by themselves (package cluster), whatever the
// bridge does: each passes over the bridge messages of the others, which bear
// their mark (nodewire.Ours), and each hears Node's servers itself. So nothing is
// delivered twice.
//
// Node's messages know rooms, among which every socket has one of its own, named
// by its id. They know no users. There an empty list of rooms is everybody; what
// is for nobody that Node could have is therefore not sent at all.
//
//	config.go    what an operator chooses
//	bridge.go    Bridge: its parts, and its life
//	together.go  our own nodes and Node's servers as the one cluster of package service
//	dialect.go   what differs between classic.go and sharded.go
//	link.go      namespaces: what is listened to while
//	tell.go      what Node's servers are told; translate.go puts it in their words
//	fetch.go     what they are asked about their sockets
//	acks.go      what their clients acknowledge; tally.go counts it
//	request.go   answers to what we have asked
//	receive.go   what they say
//	answer.go    what they are answered; queue.go sends it
//	sockets.go   what they are told about our sockets
package bridge
