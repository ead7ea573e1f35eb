package service

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// How long clients have to answer SendWithAck.
const (
	defaultAckTimeout = 10 * time.Second
	maxAckTimeout     = 10 * time.Minute
)

// SendWithAck delivers one event to a target and streams what becomes of the
// acknowledgements. What the caller does not take is held by package sio,
// within its bounds.
func (s *Service) SendWithAck(
	req *realtimev1.SendWithAckRequest, stream grpc.ServerStreamingServer[realtimev1.SendWithAckResponse],
) error {
	ctx, c := stream.Context(), s.check()
	target, event := c.target(req.GetTarget()), c.requestEvent("event", req.GetEvent())
	timeout := c.ackTimeout("timeout", req.GetTimeout())
	ns, err := s.begin(c, req.GetTarget().GetNamespace())
	if err != nil {
		return err
	}
	timeout = inTime(ctx, timeout)
	acks, err := ns.EmitWithAck(target, event, timeout)
	if errors.Is(err, sio.ErrTooManyAcks) {
		return errTooManyAcks
	}
	if err != nil {
		return c.unsound()
	}
	defer acks.Close()
	id := rand.Text()
	s.log.LogAttrs(ctx, slog.LevelDebug, "event accepted, acknowledgements wanted",
		slog.String("message_id", id),
		slog.String("namespace", ns.Name()),
		slog.Int("matched", acks.Matched))
	req.Timeout = durationpb.New(timeout)
	return s.gather(ctx, gathering{id: id, ns: ns, target: target, req: req, acks: acks}, stream.Send)
}

// inTime leaves a tenth of the call's time for the results to travel.
func inTime(ctx context.Context, timeout time.Duration) time.Duration {
	deadline, ok := ctx.Deadline()
	if !ok {
		return timeout
	}
	left := time.Until(deadline)
	return min(timeout, left-left/10)
}

// missing says why there is no acknowledgement.
var missing = map[sio.AckOutcome]realtimev1.MissingAckReason{
	sio.AckTimedOut:     realtimev1.MissingAckReason_MISSING_ACK_REASON_TIMED_OUT,
	sio.AckDisconnected: realtimev1.MissingAckReason_MISSING_ACK_REASON_DISCONNECTED,
	sio.AckOverflow:     realtimev1.MissingAckReason_MISSING_ACK_REASON_OVERFLOW,
}

func ackMessage(ack sio.Ack) *realtimev1.SendWithAckResponse {
	id, user := ack.Socket.ID(), ack.Socket.User()
	if ack.Outcome != sio.AckAnswered {
		return &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Missing{
			Missing: &realtimev1.MissingAck{ConnectionId: id, UserId: user, Reason: missing[ack.Outcome]},
		}}
	}
	return &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Ack{
		Ack: &realtimev1.Ack{ConnectionId: id, UserId: user, Args: argMessages(ack.Args)},
	}}
}
