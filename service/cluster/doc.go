// Package cluster makes several nodes one: what a node was asked to do for the
// connections of all, it does for its own and asks the others to do for theirs.
//
// A call goes only to the nodes that it concerns. Each node listens to a
// channel for every room and every user that it has a connection of, for every
// namespace, and to one of its own (channel.go). What the nodes say is the
// protocol of proto/realtime/cluster/v1, whose calls are the requests of the
// API itself; what carries it is a Bus.
//
//	cluster.go   a node's place in the cluster, and its life
//	channel.go   what the channels are called; audience.go whom a call is for
//	call.go      asking other nodes, and what they reply
//	receive.go   being asked; reply.go sends what was asked for
//	sequence.go  messages that were missed
//	attached.go  what is said about backends that dial out
//	interest.go  listening to what concerns this node, and nothing else
package cluster
