package service

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/registry"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Registry remembers the connections of this node, so that other nodes tell of
// their end if this one dies; see package registry.
type Registry interface {
	Put(r registry.Record)
	Remove(id string, of any)
	// Settled waits until nobody tells any more that a connection that came from
	// another node has ended there.
	Settled(ctx context.Context, id string)
	// Told says whether others tell, or have told, that a connection has ended.
	Told(ctx context.Context, id string) bool
}

// unregistered is the registry of a node that is alone.
type unregistered struct{}

func (unregistered) Put(registry.Record) {}

func (unregistered) Remove(string, any) {}

func (unregistered) Settled(context.Context, string) {}

func (unregistered) Told(context.Context, string) bool { return false }

// SetRegistry has the gateway's connections remembered. It is called before
// clients come.
func (g *Gateway) SetRegistry(r Registry) { g.registry = r }

// recordOf is what others need to know to tell of a socket's end.
func recordOf(s *sio.Socket) registry.Record {
	value, _ := proto.Marshal(&clusterv1.Connected{ // its strings were checked
		Pattern:     s.Namespace().Pattern(),
		Metadata:    memberOf(s).metadata,
		ConnectedAt: timestamppb.New(s.ConnectedAt()),
	})
	return registry.Record{
		ID: s.ID(), Namespace: s.Namespace().Name(), User: s.User(), Value: value, Move: moveOf(s), Of: s,
	}
}

// moveOf is where a client that is back came from, nil if it never was elsewhere.
func moveOf(s *sio.Socket) *registry.Move {
	former := s.Former()
	if former.At == 0 {
		return nil
	}
	return &registry.Move{From: former.Nodes, At: former.At}
}
