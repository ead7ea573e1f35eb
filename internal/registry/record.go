package registry

import (
	"strconv"
	"strings"
)

// Record is one connection of a node.
type Record struct {
	// ID is unique among all connections that are open.
	ID string
	// Namespace and User are counted. User may be empty.
	Namespace, User string
	// Value is whatever the survivors need to know. It must not be changed
	// after Put.
	Value []byte
	// Move is nil unless the connection was at other nodes before.
	Move *Move
	// Of tells it from an earlier one with its ID, which may be removed after it
	// was put. It stays here.
	Of any
}

// Move says where a connection came from. What those nodes have of it from before
// then counts no more: whatever becomes of them, its end is told by the node
// that it came to.
type Move struct {
	// From are the ids of nodes that had it, or may have had it.
	From []string
	// At is greater than that of every move of this connection before.
	At uint64
}

// encode is a record without its id, as write.lua describes it.
func (r Record) encode() string {
	var b strings.Builder
	b.Grow(len(r.Namespace) + len(r.User) + len(r.Value) + 8)
	b.WriteString(strconv.Itoa(len(r.Namespace)))
	b.WriteByte(' ')
	b.WriteString(strconv.Itoa(len(r.User)))
	b.WriteByte(' ')
	b.WriteString(r.Namespace)
	b.WriteString(r.User)
	b.Write(r.Value)
	return b.String()
}

// decodeRecord reads what encode makes.
func decodeRecord(id, s string) (Record, bool) {
	namespace, s, ok1 := strings.Cut(s, " ")
	user, s, ok2 := strings.Cut(s, " ")
	n, err1 := strconv.ParseUint(namespace, 10, 31)
	u, err2 := strconv.ParseUint(user, 10, 31)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || n+u > uint64(len(s)) {
		return Record{}, false
	}
	return Record{ID: id, Namespace: s[:n], User: s[n : n+u], Value: []byte(s[n+u:])}, true
}

// userField is where write.lua counts the connections of a user.
func userField(namespace, user string) string {
	return "u" + strconv.Itoa(len(namespace)) + ":" + namespace + user
}

// namespaceField is where write.lua counts those of a namespace.
func namespaceField(namespace string) string { return "n" + namespace }
