package realtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// ErrUnanswered is the error of [Client.Ask] if the client has not answered.
var ErrUnanswered = errors.New("realtime: the connection has not answered")

// MissingReason says why a connection has not answered.
type MissingReason = realtimev1.MissingAckReason

// The reasons.
const (
	// MissingTimedOut: it has not answered in time.
	MissingTimedOut = realtimev1.MissingAckReason_MISSING_ACK_REASON_TIMED_OUT
	// MissingDisconnected: it has gone.
	MissingDisconnected = realtimev1.MissingAckReason_MISSING_ACK_REASON_DISCONNECTED
	// MissingOverflow: its answer was lost, for being too large or because the
	// loop over [Client.SendWithAck] was too slow.
	MissingOverflow = realtimev1.MissingAckReason_MISSING_ACK_REASON_OVERFLOW
)

// Answer is what became of one connection that was asked.
type Answer struct {
	ConnectionID string
	UserID       string        // empty for an anonymous connection
	Args         []any         // as in a received [Event]; the client chose them
	Missing      MissingReason // why there is no answer; zero if there is one
}

// Decode unmarshals argument i into the value that v points to, as
// [Event.Decode] does.
func (a Answer) Decode(i int, v any) error {
	if i >= len(a.Args) {
		return fmt.Errorf("the answer of %s has no argument %d", a.ConnectionID, i)
	}
	if err := decodeArg(a.Args[i], v); err != nil {
		return fmt.Errorf("answer of %s, argument %d: %w", a.ConnectionID, i, err)
	}
	return nil
}

// AckOption changes one [Client.SendWithAck] or [Client.Ask].
type AckOption func(*realtimev1.SendWithAckRequest)

// WithTimeout gives the clients so much time to answer instead of 10 s. The
// deadline of the context is a limit, too.
func WithTimeout(d time.Duration) AckOption {
	return func(req *realtimev1.SendWithAckRequest) { req.Timeout = durationpb.New(d) }
}

// SendWithAck delivers an event to every connection of a target and asks their
// clients to acknowledge it. Its sequence has one Answer for each connection,
// as they come, with those that have not answered among them. An error is the
// last pair of the sequence and comes without an answer.
//
// The event is sent when the loop begins. Leaving the loop gives up what is
// outstanding.
func (c *Client) SendWithAck(ctx context.Context, target Target, event Event, opts ...AckOption) iter.Seq2[Answer, error] {
	return func(yield func(Answer, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		stream, err := c.sendWithAck(ctx, target, event, opts)
		if err != nil {
			yield(Answer{}, err)
			return
		}
		for {
			message, err := stream.Recv()
			if errors.Is(err, io.EOF) {
				return
			}
			if message.GetStart() != nil {
				continue
			}
			answer, err := newAnswer(message, err)
			if !yield(answer, err) || err != nil {
				return
			}
		}
	}
}

// Ask delivers an event to one connection and waits for the client's
// acknowledgement. An empty namespace means "/". The error is [ErrUnanswered]
// if there is none; [Answer].Missing says why then.
func (c *Client) Ask(ctx context.Context, namespace, id string, event Event, opts ...AckOption) (Answer, error) {
	target := Target{Namespace: namespace, Connections: []string{id}}
	for answer, err := range c.SendWithAck(ctx, target, event, opts...) {
		if err == nil && answer.Missing != 0 {
			err = ErrUnanswered
		}
		return answer, err
	}
	return Answer{ConnectionID: id, Missing: MissingDisconnected}, ErrUnanswered
}

func (c *Client) sendWithAck(
	ctx context.Context, target Target, event Event, opts []AckOption,
) (grpc.ServerStreamingClient[realtimev1.SendWithAckResponse], error) {
	e, err := event.proto()
	if err != nil {
		return nil, err
	}
	req := &realtimev1.SendWithAckRequest{Target: target.proto(), Event: e}
	for _, opt := range opts {
		opt(req)
	}
	return c.api.SendWithAck(ctx, req)
}

func newAnswer(message *realtimev1.SendWithAckResponse, err error) (Answer, error) {
	if err != nil {
		return Answer{}, err
	}
	if missing := message.GetMissing(); missing != nil {
		return Answer{ConnectionID: missing.GetConnectionId(), UserID: missing.GetUserId(), Missing: missing.GetReason()}, nil
	}
	ack := message.GetAck()
	answer := Answer{ConnectionID: ack.GetConnectionId(), UserID: ack.GetUserId()}
	for i, a := range ack.GetArgs() {
		arg, err := argFromProto(a)
		if err != nil {
			return Answer{}, fmt.Errorf("answer of %s, argument %d: %w", answer.ConnectionID, i, err)
		}
		answer.Args = append(answer.Args, arg)
	}
	return answer, nil
}
