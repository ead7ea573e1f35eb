package attach

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
)

// Conn stands for a connection to a backend: calls of RealtimeBackend go to the
// workers of a group. It is safe for concurrent use.
type Conn struct {
	group    *group
	maxReply int
}

// Invoke implements [grpc.ClientConnInterface]. Options say nothing here.
func (c *Conn) Invoke(ctx context.Context, name string, request, reply any, _ ...grpc.CallOption) error {
	m, known := methods[name]
	into, isMessage := reply.(proto.Message)
	if !known || !isMessage {
		return errNotMessage
	}
	ask := m.ask(request)
	if ask == nil {
		return errNotMessage
	}
	ask.Metadata = outgoing(ctx)
	out := c.group.call(ctx, ask, m.repeatable || backend.IsRepeatable(ctx))
	c.group.hub.metrics.observe(c.group.name, out)
	if out.err != nil {
		return out.err
	}
	return c.read(m, out.result, into)
}

// NewStream implements [grpc.ClientConnInterface].
func (c *Conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, errStreams
}

// read takes the response out of a result.
func (c *Conn) read(m method, result *realtimev1.AttachResult, into proto.Message) error {
	if err := errorOf(result); err != nil {
		return err
	}
	response := m.answer(result)
	if response == nil || response.ProtoReflect().Descriptor() != into.ProtoReflect().Descriptor() {
		return errEmpty
	}
	if size := proto.Size(response); size > c.maxReply {
		return status.Errorf(codes.ResourceExhausted, "the worker's result has %d bytes, more than %d", size, c.maxReply)
	}
	proto.Merge(into, response)
	return nil
}

// outgoing is the metadata of a call, as a worker gets it.
func outgoing(ctx context.Context) map[string]string {
	md, _ := metadata.FromOutgoingContext(ctx)
	if len(md) == 0 {
		return nil
	}
	flat := make(map[string]string, len(md))
	for name, values := range md {
		flat[name] = strings.Join(values, ", ")
	}
	return flat
}

// defaultPatience is how long a call takes at most whose caller has not said.
const defaultPatience = 10 * time.Second

// call makes a call of this node's.
func (g *group) call(ctx context.Context, ask *realtimev1.AttachCall, repeatable bool) outcome {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(defaultPatience)
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline)
		defer cancel()
	}
	return g.do(ctx, newCall(ask, deadline, repeatable, false))
}

// do has a call answered. Half of its time is how long it waits for a worker to
// come.
func (g *group) do(ctx context.Context, c *call) outcome {
	g.mu.Lock()
	g.put(c)
	g.mu.Unlock()
	wait := max(time.Until(c.deadline)/2, time.Millisecond)
	vain := time.NewTicker(wait)
	defer vain.Stop()
	for {
		select {
		case out := <-c.over:
			return out
		case <-c.moved:
			g.forward(ctx, c)
		case <-vain.C:
			g.unserved(c)
		case <-ctx.Done():
			return g.abandon(ctx, c)
		}
	}
}

// abandon ends a call that nobody waits for any more. A result that has come is
// better than none.
func (g *group) abandon(ctx context.Context, c *call) outcome {
	g.mu.Lock()
	w, n, id := c.worker, c.node, c.id
	begun := w != nil && w.calls[id].sent || n != nil
	served := g.servedHere(c.on) || g.servedAt(c) != nil
	if c.waiting {
		g.unlink(c)
	}
	why := status.FromContextError(ctx.Err()).Err()
	if !begun && !served && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = errNoWorker
	}
	c.end(outcome{err: why, begun: begun})
	switch {
	case w != nil:
		w.drop(id)
	case n != nil:
		n.drop(id)
	}
	g.mu.Unlock()
	if n != nil && errors.Is(ctx.Err(), context.Canceled) { // the node knows the deadline
		g.giveUp(ctx, n, id)
	}
	return <-c.over
}
