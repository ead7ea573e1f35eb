package realtime

import realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"

// Target says which connections of one namespace a call is for: the union of
// Rooms, Users and Connections, minus everyone whom an Except field names. A
// target without any room, user or connection is an error, never everybody;
// [Client.Broadcast] is the call for everybody.
//
// [Rooms], [Users] and [Connections] make the simple ones.
type Target struct {
	Namespace   string // empty means "/"
	Rooms       []string
	Users       []string // as [Accept].UserID gave them
	Connections []string // ids

	ExceptRooms       []string
	ExceptUsers       []string
	ExceptConnections []string
}

// Rooms is the target of everyone in one of the rooms of namespace "/".
func Rooms(names ...string) Target { return Target{Rooms: names} }

// Users is the target of every connection of the users in namespace "/".
func Users(ids ...string) Target { return Target{Users: ids} }

// Connections is the target of single connections of namespace "/".
func Connections(ids ...string) Target { return Target{Connections: ids} }

// Everyone is the audience of a broadcast: a whole namespace, minus the
// exceptions. Its zero value is everyone in namespace "/".
type Everyone struct {
	Namespace string // empty means "/"

	ExceptRooms       []string
	ExceptUsers       []string
	ExceptConnections []string
}

func (t Target) proto() *realtimev1.Target {
	return &realtimev1.Target{
		Namespace:           t.Namespace,
		Rooms:               t.Rooms,
		Users:               t.Users,
		ConnectionIds:       t.Connections,
		ExceptRooms:         t.ExceptRooms,
		ExceptUsers:         t.ExceptUsers,
		ExceptConnectionIds: t.ExceptConnections,
	}
}
