package service

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// Send delivers one event to a target.
func (s *Service) Send(ctx context.Context, req *realtimev1.SendRequest) (*realtimev1.SendResponse, error) {
	c := s.check()
	level := c.level(req.GetReportLevel())
	target, event := c.target(req.GetTarget()), c.requestEvent("event", req.GetEvent())
	id, report, err := s.emit(ctx, c, emission{
		namespace: req.GetTarget().GetNamespace(), target: target, event: event, level: level,
		call:     &clusterv1.Call{Request: &clusterv1.Call_Send{Send: req}},
		degraded: req.GetAllowDegraded(),
	})
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
	id, report, err := s.emit(ctx, c, emission{
		namespace: req.GetNamespace(), target: target, event: event, level: level,
		call:     &clusterv1.Call{Request: &clusterv1.Call_Broadcast{Broadcast: req}},
		degraded: req.GetAllowDegraded(),
	})
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
	call      *clusterv1.Call // the same for other nodes
	degraded  bool            // it may reach this node alone
}

// emit delivers an event to this node's connections, at once, and then to those
// of others.
func (s *Service) emit(
	ctx context.Context, c *checker, e emission,
) (id string, report *realtimev1.DeliveryReport, err error) {
	ns, err := s.begin(c, e.namespace)
	if err != nil {
		return "", nil, err
	}
	delivery, err := e.deliver(ns) //nolint:contextcheck // what was begun is ended, and Recovery.Timeout bounds it
	if errors.Is(err, sio.ErrUncertain) {
		return "", nil, errClusterUnavailable
	}
	if err != nil {
		return "", nil, c.unsound()
	}
	id = rand.Text()
	s.log.LogAttrs(ctx, slog.LevelDebug, "event accepted",
		slog.String("message_id", id),
		slog.String("namespace", ns.Name()),
		slog.Int("matched", delivery.Matched))
	report, err = s.spread(ctx, ns, e, delivery)
	return id, report, err
}

// deliver delivers the event to the connections of this node.
func (e *emission) deliver(ns *sio.Namespace) (*sio.Delivery, error) {
	e.event.Tracked = e.level == realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN
	return ns.Emit(e.target, e.event)
}

// deliverHere does so for another node that was asked to deliver it.
func (e *emission) deliverHere(ns *sio.Namespace) (*sio.Delivery, error) {
	e.event.Tracked = e.level == realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN
	return ns.EmitHere(e.target, e.event)
}

// spread has other nodes deliver the event, too, and reports what became of it.
func (s *Service) spread(
	ctx context.Context, ns *sio.Namespace, e emission, local *sio.Delivery,
) (*realtimev1.DeliveryReport, error) {
	if local.Entry != "" { // all nodes have it, whether or not they can say so
		return s.receipts(ctx, ns, e, local), nil
	}
	if e.level == realtimev1.ReportLevel_REPORT_LEVEL_NONE {
		err := s.peers.Tell(ctx, cluster.AudienceOf(ns.Name(), e.target), e.call)
		return e.degrade(&realtimev1.DeliveryReport{Level: e.level}, err != nil)
	}
	var theirs realtimev1.DeliveryReport
	coverage, err := s.ask(ctx, ns, e.target, e.call, func(r *clusterv1.Reply) { add(&theirs, r.GetReport()) })
	report := reportOf(ctx, e.level, local)
	add(report, &theirs)
	report.Nodes, report.NodesAnswered = coverage.GetNodesAsked(), coverage.GetNodesAnswered()
	return e.degrade(report, err != nil)
}

// degrade says what a report is worth if other nodes may not have got the event.
func (e *emission) degrade(report *realtimev1.DeliveryReport, unreached bool) (*realtimev1.DeliveryReport, error) {
	if unreached && !e.degraded {
		return nil, errClusterUnavailable
	}
	report.Degraded = unreached
	return report, nil
}

// add adds the counts of another node.
func add(report, more *realtimev1.DeliveryReport) {
	report.Matched += more.GetMatched()
	report.Written += more.GetWritten()
	report.Dropped += more.GetDropped()
	report.Expired += more.GetExpired()
	report.Pending += more.GetPending()
}

// reportOf is the report of this node alone.
func reportOf(ctx context.Context, level realtimev1.ReportLevel, d *sio.Delivery) *realtimev1.DeliveryReport {
	report := &realtimev1.DeliveryReport{Level: level, Matched: int64(d.Matched)}
	if level == realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN {
		ctx, cancel := patient(ctx)
		defer cancel()
		outcome := d.Outcome(ctx)
		report.Written, report.Dropped = outcome.Written, outcome.Dropped
		report.Expired, report.Pending = outcome.Expired, outcome.Pending
	}
	return report
}
