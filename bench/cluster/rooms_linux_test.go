package cluster

import (
	"fmt"
	"net/url"
	"strconv"

	"github.com/seed52a35d2d/realtime-server/bench/internal/client"
)

// rooms are those that a measurement uses, in groups of the same size. A client
// is in all rooms of one group, and a number is sent to one room of each: so
// every client gets every number once, however many rooms there are.
type rooms struct {
	groups int
	each   int // rooms in a group
}

// one is a single room, for all.
var one = rooms{1, 1}

// name is the room of a group that a number is sent to.
func (r rooms) name(group, number int) string { return fmt.Sprintf("%d.%d", group, number%r.each) }

// names are all of a group.
func (r rooms) names(group int) []string {
	names := make([]string, r.each)
	for i := range names {
		names[i] = r.name(group, i)
	}
	return names
}

// all is how many there are.
func (r rooms) all() int { return r.groups * r.each }

// members are the ids of the clients that are in a group.
func (r rooms) members(clients []*client.Conn, group int) []string {
	var ids []string
	for i := group; i < len(clients); i += r.groups {
		ids = append(ids, clients[i].ID)
	}
	return ids
}

// query is how bench/peers/node is told.
func (r rooms) query() url.Values {
	return url.Values{"groups": {strconv.Itoa(r.groups)}, "rooms": {strconv.Itoa(r.each)}}
}
