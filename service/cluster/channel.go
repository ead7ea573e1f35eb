package cluster

import "strings"

// A channel is named after whom it is for. Names of namespaces hold no NUL and
// no comma (package sio sees to that), so that nothing can be taken for
// something else.

// ofNode is the channel of one node, by its tag.
func ofNode(tag string) string { return "n:" + tag }

// ofEveryone is the channel of all nodes.
const ofEveryone = "a:"

// ofNamespace is the channel of all nodes that have a connection in a
// namespace.
func ofNamespace(namespace string) string { return "s:" + namespace }

// ofRoom is the channel of all nodes that have a member of a room.
func ofRoom(namespace, room string) string { return "r:" + namespace + "," + room }

// ofOrigin is the channel of all nodes that have a connection whose id a node has
// made: that node itself, and those where its clients came back.
func ofOrigin(namespace, tag string) string { return "o:" + namespace + "," + tag }

// ofUser is the channel of all nodes that have a connection of a user in a
// namespace.
func ofUser(namespace, user string) string { return "u:" + namespace + "," + user }

// ofGroup is the channel of all nodes whose configuration names a group of
// workers.
func ofGroup(group string) string { return "g:" + group }

// kindOf is the kind of a channel, for metrics.
func kindOf(channel string) string {
	kind, _, _ := strings.Cut(channel, ":")
	switch kind {
	case "a":
		return "all"
	case "n":
		return "node"
	case "s":
		return "namespace"
	case "r":
		return "room"
	case "o":
		return "connection"
	case "g":
		return "group"
	default:
		return "user"
	}
}
