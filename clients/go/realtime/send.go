package realtime

import (
	"context"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// ReportLevel says how much a [Delivery] should tell.
type ReportLevel = realtimev1.ReportLevel

// The report levels.
const (
	// ReportNone returns once the event was accepted; nothing is counted.
	ReportNone = realtimev1.ReportLevel_REPORT_LEVEL_NONE
	// ReportRouted, the default, counts the connections that the event was
	// queued for.
	ReportRouted = realtimev1.ReportLevel_REPORT_LEVEL_ROUTED
	// ReportWritten waits to see what becomes of each copy.
	ReportWritten = realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN
)

// Delivery says what became of an event.
type Delivery struct {
	MessageID string // identifies the event in the server's logs
	Matched   int64  // connections in the target

	Nodes         int32 // server processes that were asked
	NodesAnswered int32 // those of them whose part is in the counts
	Degraded      bool  // others could not be reached; see WithDegraded

	// Counted at ReportWritten only.

	Written int64 // copies handed to the kernel
	Dropped int64 // copies given up: volatile, a full queue, a closed connection
	Expired int64 // copies whose ExpiresAfter ran out in a queue
	Pending int64 // copies still queued
}

// SendOption changes one [Client.Send] or [Client.Broadcast].
type SendOption func(*sendConfig)

type sendConfig struct {
	level    ReportLevel
	degraded bool
}

// WithReport chooses how much the [Delivery] tells.
func WithReport(level ReportLevel) SendOption {
	return func(c *sendConfig) { c.level = level }
}

// WithDegraded lets a call succeed that can reach connections of only one server
// process, because the processes cannot reach each other; [Delivery.Degraded]
// says so. Otherwise it delivers to these and is refused with the reason
// CLUSTER_UNAVAILABLE.
func WithDegraded() SendOption {
	return func(c *sendConfig) { c.degraded = true }
}

// Send delivers an event to every connection of a target, each once. A target
// that matches nobody is no error.
func (c *Client) Send(ctx context.Context, target Target, event Event, opts ...SendOption) (Delivery, error) {
	e, err := event.proto()
	if err != nil {
		return Delivery{}, err
	}
	cfg := newSendConfig(opts)
	res, err := c.api.Send(ctx, &realtimev1.SendRequest{
		Target:        target.proto(),
		Event:         e,
		ReportLevel:   cfg.level,
		AllowDegraded: cfg.degraded,
	})
	if err != nil {
		return Delivery{}, err
	}
	return newDelivery(res), nil
}

// Broadcast delivers an event to every connection of a namespace.
func (c *Client) Broadcast(ctx context.Context, to Everyone, event Event, opts ...SendOption) (Delivery, error) {
	e, err := event.proto()
	if err != nil {
		return Delivery{}, err
	}
	cfg := newSendConfig(opts)
	res, err := c.api.Broadcast(ctx, &realtimev1.BroadcastRequest{
		Namespace:           to.Namespace,
		ExceptRooms:         to.ExceptRooms,
		ExceptUsers:         to.ExceptUsers,
		ExceptConnectionIds: to.ExceptConnections,
		Event:               e,
		ReportLevel:         cfg.level,
		AllowDegraded:       cfg.degraded,
	})
	if err != nil {
		return Delivery{}, err
	}
	return newDelivery(res), nil
}

func newSendConfig(opts []SendOption) sendConfig {
	var c sendConfig
	for _, opt := range opts {
		opt(&c)
	}
	return c
}

// reported is what the responses of Send and Broadcast have in common.
type reported interface {
	GetMessageId() string
	GetReport() *realtimev1.DeliveryReport
}

func newDelivery(res reported) Delivery {
	report := res.GetReport()
	return Delivery{
		MessageID:     res.GetMessageId(),
		Matched:       report.GetMatched(),
		Nodes:         report.GetNodes(),
		NodesAnswered: report.GetNodesAnswered(),
		Degraded:      report.GetDegraded(),
		Written:       report.GetWritten(),
		Dropped:       report.GetDropped(),
		Expired:       report.GetExpired(),
		Pending:       report.GetPending(),
	}
}
