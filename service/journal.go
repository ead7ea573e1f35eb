package service

import (
	"context"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// receipts reports what became of an event that has gone to all nodes by the
// journal. Those that it concerns are asked; who does not answer has it
// nevertheless.
func (s *Service) receipts(ctx context.Context, ns *sio.Namespace, e emission, local *sio.Delivery) *realtimev1.DeliveryReport {
	if e.level == realtimev1.ReportLevel_REPORT_LEVEL_NONE {
		return &realtimev1.DeliveryReport{Level: e.level}
	}
	var theirs realtimev1.DeliveryReport
	call := &clusterv1.Call{Request: &clusterv1.Call_Receipt{Receipt: &clusterv1.Receipt{Entry: local.Entry, Level: e.level}}}
	coverage := s.read(ctx, ns, e.target, call, func(r *clusterv1.Reply) { add(&theirs, r.GetReport()) })
	report := reportOf(ctx, e.level, local)
	add(report, &theirs)
	report.Nodes, report.NodesAnswered = coverage.GetNodesAsked(), coverage.GetNodesAnswered()
	return report
}

// doReceipt tells another node what this one has done with an event of the
// journal.
func (s *Service) doReceipt(r *clusterv1.Receipt) cluster.Later {
	return func(ctx context.Context, send func(*clusterv1.Reply)) {
		delivery := s.sockets.Receipt(ctx, r.GetEntry())
		if delivery == nil {
			return // this node is silent
		}
		send(&clusterv1.Reply{Response: &clusterv1.Reply_Report{Report: reportOf(ctx, r.GetLevel(), delivery)}})
	}
}

// doLetGo ends what this node takes for the connection of a client that has come
// to another.
func (s *Service) doLetGo(r *clusterv1.LetGo) cluster.Later {
	return func(ctx context.Context, send func(*clusterv1.Reply)) {
		s.sockets.LetGo(ctx, r.GetPid())
		send(&clusterv1.Reply{})
	}
}
