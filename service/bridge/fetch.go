package bridge

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio/nodewire"
)

// nodeServer is what the API calls a server of Node's: it does not say who it
// is.
const nodeServer = "node"

// wanted is what a read wants to know of sockets.
type wanted struct {
	namespace string
	options   nodewire.Options
	reply     func(sockets []nodewire.Socket) *clusterv1.Reply
}

// fetchFor asks Node's servers about the sockets of a read.
func (b *Bridge) fetchFor(ctx context.Context, q cluster.Asking) (cluster.Coverage, error) {
	w, anybody := wantedBy(q.Call)
	if !anybody {
		return cluster.Coverage{}, nil
	}
	return b.fetch(ctx, w.namespace, w.options, func(sockets []nodewire.Socket) {
		q.Take(nodeServer, w.reply(sockets))
	})
}

// wantedBy is false for what Node cannot have: users.
func wantedBy(call *clusterv1.Call) (w wanted, anybody bool) {
	switch r := call.GetRequest().(type) {
	case *clusterv1.Call_GetConnection:
		id, namespace := r.GetConnection.GetConnectionId(), namespaceOf(r.GetConnection.GetNamespace())
		return wanted{namespace, nodewire.Options{Rooms: []string{id}}, func(all []nodewire.Socket) *clusterv1.Reply {
			return connectionReply(namespace, id, all)
		}}, true
	case *clusterv1.Call_ListConnections:
		namespace := namespaceOf(r.ListConnections.GetNamespace())
		return wanted{namespace, in(r.ListConnections.GetRoom()), func(all []nodewire.Socket) *clusterv1.Reply {
			return connectionsReply(namespace, r.ListConnections.GetRoom(), all)
		}}, r.ListConnections.GetUserId() == ""
	case *clusterv1.Call_ListRooms:
		return wanted{namespaceOf(r.ListRooms.GetNamespace()), in(""), func(all []nodewire.Socket) *clusterv1.Reply {
			return roomsReply(r.ListRooms.GetPrefix(), all)
		}}, true
	case *clusterv1.Call_CountConnections:
		return wanted{namespaceOf(r.CountConnections.GetNamespace()), in(r.CountConnections.GetRoom()), func(all []nodewire.Socket) *clusterv1.Reply {
			n := len(members(r.CountConnections.GetRoom(), all))
			return &clusterv1.Reply{Response: &clusterv1.Reply_CountConnections{CountConnections: &clusterv1.Counted{Connections: int64(n)}}}
		}}, r.CountConnections.GetUserId() == ""
	}
	return wanted{}, false
}

// in are the sockets in a room, all of them if it is "".
func in(room string) nodewire.Options {
	if room == "" {
		return nodewire.Options{Everyone: true}
	}
	return nodewire.Options{Rooms: []string{room}}
}

// fetch asks Node's servers for sockets of a namespace, until all have answered
// or ctx ends.
func (b *Bridge) fetch(
	ctx context.Context, namespace string, o nodewire.Options, take func([]nodewire.Socket),
) (cluster.Coverage, error) {
	ctx, cancel := context.WithTimeout(ctx, b.Config.RequestsTimeout)
	defer cancel()
	listening := b.hold(namespace)
	defer b.release(namespace)
	wait(ctx, listening) // or this node could count as one of Node's
	n, err := b.dialect.servers(ctx, namespace)
	cov := cluster.Coverage{Asked: n}
	if err != nil || n == 0 {
		return cov, err
	}
	r := b.requests.begin()
	defer b.requests.end(r)
	if err := b.publish(ctx, namespace, &nodewire.Message{Kind: nodewire.Fetch, RequestID: r.id, Options: o}, ""); err != nil {
		return cov, err
	}
	b.await(ctx, awaited{
		request: r, namespace: namespace,
		enough:  func() bool { return cov.Complete() },
		servers: func(n int) { cov.Asked = min(cov.Asked, max(n, cov.Answered)) },
		take: func(m *nodewire.Message, _ int) {
			if m.Kind == nodewire.FetchAnswer {
				cov.Answered++
				take(m.Sockets)
			}
		},
	})
	if !cov.Complete() {
		b.metrics.partial.Inc()
	}
	return cov, nil
}

// members are the sockets in a room. Node takes a socket's id for a room as well;
// here it is none.
func members(room string, all []nodewire.Socket) []nodewire.Socket {
	if room == "" {
		return all
	}
	return slices.DeleteFunc(all, func(s nodewire.Socket) bool { return s.ID == room })
}

func connectionReply(namespace, id string, all []nodewire.Socket) *clusterv1.Reply {
	reply := &clusterv1.Reply{}
	for i := range all {
		if all[i].ID == id {
			reply.Response = &clusterv1.Reply_GetConnection{GetConnection: &realtimev1.GetConnectionResponse{
				Connection: connectionOf(namespace, &all[i]),
			}}
		}
	}
	return reply
}

func connectionsReply(namespace, room string, all []nodewire.Socket) *clusterv1.Reply {
	resp := &realtimev1.ListConnectionsResponse{}
	for _, s := range members(room, all) {
		if authn.CheckName(s.ID) == nil { // or no page could begin behind it
			resp.Connections = append(resp.Connections, connectionOf(namespace, &s))
		}
	}
	return &clusterv1.Reply{Response: &clusterv1.Reply_ListConnections{ListConnections: resp}}
}

// connectionOf is a socket of Node's, as far as it is known.
func connectionOf(namespace string, s *nodewire.Socket) *realtimev1.Connection {
	c := &realtimev1.Connection{
		Id: s.ID, Namespace: namespace, Rooms: roomsOf(s), RemoteAddress: s.Handshake.Address, NodeId: nodeServer,
	}
	if issued := s.Handshake.Issued; !issued.IsZero() {
		c.ConnectedAt = timestamppb.New(issued)
	}
	return c
}

// roomsOf are the rooms of a socket, sorted, without that of its own.
func roomsOf(s *nodewire.Socket) []string {
	rooms := slices.Clone(s.Rooms)
	slices.Sort(rooms)
	return slices.DeleteFunc(slices.Compact(rooms), func(room string) bool {
		return room == s.ID || authn.CheckName(room) != nil
	})
}

func roomsReply(prefix string, all []nodewire.Socket) *clusterv1.Reply {
	sizes := map[string]int64{}
	for i := range all {
		for _, room := range roomsOf(&all[i]) {
			if strings.HasPrefix(room, prefix) {
				sizes[room]++
			}
		}
	}
	resp := &realtimev1.ListRoomsResponse{}
	for name, n := range sizes {
		resp.Rooms = append(resp.Rooms, &realtimev1.Room{Name: name, Connections: n})
	}
	return &clusterv1.Reply{Response: &clusterv1.Reply_ListRooms{ListRooms: resp}}
}
