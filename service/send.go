package service

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// defaultPatience is how long a report of what was written is waited for if
// the call has no deadline.
const defaultPatience = 5 * time.Second

// Send delivers one event to a target.
func (s *Service) Send(ctx context.Context, req *realtimev1.SendRequest) (*realtimev1.SendResponse, error) {
	c := s.check()
	level := c.level(req.GetReportLevel())
	target, event := c.target(req.GetTarget()), c.requestEvent("event", req.GetEvent())
	id, report, err := s.emit(ctx, c, emission{req.GetTarget().GetNamespace(), target, event, level})
	if err != nil {
		return nil, err
	}
	return &realtimev1.SendResponse{MessageId: id, Report: report}, nil
}

// Broadcast delivers one event to a namespace.
func (s *Service) Broadcast(
	ctx context.Context, req *realtimev1.BroadcastRequest,
) (*realtimev1.BroadcastResponse, error) {
	c := s.check()
	level := c.level(req.GetReportLevel())
	target, event := c.everyone(req), c.requestEvent("event", req.GetEvent())
	id, report, err := s.emit(ctx, c, emission{req.GetNamespace(), target, event, level})
	if err != nil {
		return nil, err
	}
	return &realtimev1.BroadcastResponse{MessageId: id, Report: report}, nil
}

// emission is a checked Send or Broadcast.
type emission struct {
	namespace string
	target    sio.Target
	event     *sio.Event
	level     realtimev1.ReportLevel
}

func (s *Service) emit(
	ctx context.Context, c *checker, e emission,
) (id string, report *realtimev1.DeliveryReport, err error) {
	ns, err := s.begin(c, e.namespace)
	if err != nil {
		return "", nil, err
	}
	e.event.Tracked = e.level == realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN
	delivery, err := ns.Emit(e.target, e.event)
	if err != nil {
		return "", nil, c.unsound()
	}
	id = rand.Text()
	s.log.LogAttrs(ctx, slog.LevelDebug, "event accepted",
		slog.String("message_id", id),
		slog.String("namespace", ns.Name()),
		slog.Int("matched", delivery.Matched))
	return id, reportOf(ctx, e.level, delivery), nil
}

func reportOf(ctx context.Context, level realtimev1.ReportLevel, d *sio.Delivery) *realtimev1.DeliveryReport {
	report := &realtimev1.DeliveryReport{Level: level}
	if level == realtimev1.ReportLevel_REPORT_LEVEL_NONE {
		return report
	}
	report.Matched, report.Nodes = int64(d.Matched), 1
	if level == realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN {
		ctx, cancel := context.WithTimeout(ctx, patience(ctx))
		defer cancel()
		outcome := d.Outcome(ctx)
		report.Written, report.Dropped = outcome.Written, outcome.Dropped
		report.Expired, report.Pending = outcome.Expired, outcome.Pending
	}
	return report
}

// patience leaves half of the call's time for the reply to travel.
func patience(ctx context.Context) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return time.Until(deadline) / 2
	}
	return defaultPatience
}
