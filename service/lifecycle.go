package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Connected begins the life of a connection, or limits the stay of a stranger.
func (g *Gateway) Connected(ctx context.Context, s *sio.Socket) {
	if isStranger(s) {
		g.receptionOf(s).limits.put(s)
		return
	}
	g.begin(ctx, s)
}

// begin begins to watch the credential's end and tells the backend, which may add
// rooms and events. A backend that fails changes nothing for the client.
func (g *Gateway) begin(ctx context.Context, s *sio.Socket) {
	g.watch(s)
	g.registry.Put(recordOf(s))
	b := g.policies[s.Namespace().Pattern()].Backend
	if b == nil {
		return
	}
	g.settle(ctx, s)
	reply, err := b.OnConnected(ctx, &realtimev1.OnConnectedRequest{
		Context:   requestContext(s),
		Handshake: wire.Handshake(g.handshake(s)),
		Recovered: s.Recovered(),
	})
	failed := backendFailure(err)
	if failed == nil {
		failed = invalidReply(g.apply(s, reply)) //nolint:contextcheck // what was begun is ended, and Recovery.Timeout bounds it
	}
	g.lifecycle(ctx, s, "connected", failed)
}

// settlePatience is how long a backend waits to be told of a connection that
// other nodes cannot reach yet.
const settlePatience = time.Second

// settle waits until the connection is reached from everywhere, so that a
// backend that is told of it can send to it through any node; and until the node
// that it came from, dead or alive, has no part in it.
func (g *Gateway) settle(ctx context.Context, s *sio.Socket) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	namespace := s.Namespace().Name()
	groups := []sio.Group{
		{Namespace: namespace, Kind: sio.GroupEveryone},
		{Namespace: namespace, Kind: sio.GroupOrigin, Name: sio.TagOf(s.ID())},
	}
	if user := s.User(); user != "" {
		groups = append(groups, sio.Group{Namespace: namespace, Kind: sio.GroupUser, Name: user})
	}
	for _, room := range s.Rooms() {
		groups = append(groups, sio.Group{Namespace: namespace, Kind: sio.GroupRoom, Name: room})
	}
	g.peers.Settle(ctx, groups...)
	g.registry.Settled(ctx, s.ID())
}

// settleRooms is settle for a connection's new rooms.
func (g *Gateway) settleRooms(ctx context.Context, s *sio.Socket, rooms []string) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	groups := make([]sio.Group, len(rooms))
	for i, room := range rooms {
		groups[i] = sio.Group{Namespace: s.Namespace().Name(), Kind: sio.GroupRoom, Name: room}
	}
	g.peers.Settle(ctx, groups...)
}

// apply does what the backend answered, all of it or nothing.
func (g *Gateway) apply(s *sio.Socket, reply *realtimev1.OnConnectedResponse) error {
	c := &checker{cfg: g.cfg}
	rooms := c.names("rooms", reply.GetRooms())
	var events []*sio.Event
	for i, e := range reply.GetEvents() {
		events = append(events, c.replyEvent(fmt.Sprintf("events[%d]", i), e))
	}
	if err := c.problem(); err != nil {
		return err
	}
	if err := s.Join(rooms...); errors.Is(err, sio.ErrTooManyRooms) {
		return err
	}
	for _, e := range events {
		_ = s.Emit(e) // is sound, so only the client can have left
	}
	return nil
}

// Disconnected tells the backend, unless others do. What could not be told
// because this server ends stays registered: others tell it when its lease has
// ended.
func (g *Gateway) Disconnected(ctx context.Context, s *sio.Socket, end sio.End) {
	if r := g.receptionOf(s); r != nil {
		r.leave(s)
	}
	m := memberOf(s)
	if m.stranger != nil {
		return // nobody knows of it
	}
	g.unwatch(s)
	g.revocations.release(s, m.credential)
	if g.registry.Told(ctx, s.ID()) {
		return
	}
	failed := g.tellEnd(ctx, s, end)
	if failed == nil || ctx.Err() == nil {
		g.registry.Remove(s.ID(), s)
	}
}

// tellEnd tells the backend that a connection has ended.
func (g *Gateway) tellEnd(ctx context.Context, s *sio.Socket, end sio.End) *failure {
	b := g.policies[s.Namespace().Pattern()].Backend
	if b == nil {
		return nil
	}
	_, err := b.OnDisconnected(ctx, &realtimev1.OnDisconnectedRequest{
		Context:        requestContext(s),
		Reason:         end.Reason.String(),
		Detail:         end.Detail,
		Duration:       durationpb.New(end.At.Sub(s.ConnectedAt())),
		DisconnectedAt: timestamppb.New(end.At),
	})
	failed := backendFailure(err)
	g.lifecycle(ctx, s, "disconnected", failed)
	return failed
}

// lifecycle counts a call about a connection's life, and logs its failure.
func (g *Gateway) lifecycle(ctx context.Context, s *sio.Socket, call string, failed *failure) {
	namespace := s.Namespace().Pattern()
	g.metrics.lifecycle.WithLabelValues(namespace, call, failed.outcome()).Inc()
	if failed != nil {
		g.log.report(ctx, trouble{namespace, call}, failed.cause)
	}
}
