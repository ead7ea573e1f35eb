// Package interceptor is the chain in front of every RPC that we serve.
package interceptor

import (
	"log/slog"

	grpcprom "github.com/grpc-ecosystem/go-grpc-middleware/providers/prometheus"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/logging"
	"github.com/grpc-ecosystem/go-grpc-middleware/v2/interceptors/recovery"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
)

// link is one part of the chain, for both kinds of RPC.
type link struct {
	unary  grpc.UnaryServerInterceptor
	stream grpc.StreamServerInterceptor
}

// Access says who may call.
type Access struct {
	Callers *authority.Callers
	// Audit logs who has changed clients.
	Audit bool
}

// New returns the options of a gRPC server with the whole chain. Without access
// (nil) everybody may call.
func New(log *slog.Logger, reg prometheus.Registerer, access *Access) []grpc.ServerOption {
	// The order: what stands first sees everything. Recovery stands behind
	// metrics and log, so that these see a panic as the error it becomes.
	chain := []link{
		metrics(reg),
		logged(log),
		recovered(log),
	}
	tally := newTally(log, reg)
	if access != nil {
		chain = append(chain, access.gate(log, tally))
	}
	var unary []grpc.UnaryServerInterceptor
	var stream []grpc.StreamServerInterceptor
	for _, l := range chain {
		unary, stream = append(unary, l.unary), append(stream, l.stream)
	}
	return []grpc.ServerOption{grpc.ChainUnaryInterceptor(unary...), grpc.ChainStreamInterceptor(stream...)}
}

func metrics(reg prometheus.Registerer) link {
	m := grpcprom.NewServerMetrics(grpcprom.WithServerHandlingTimeHistogram())
	reg.MustRegister(m)
	return link{m.UnaryServerInterceptor(), m.StreamServerInterceptor()}
}

func logged(log *slog.Logger) link {
	opts := []logging.Option{
		logging.WithLogOnEvents(logging.FinishCall), // the other events log bodies, or say nothing new
		logging.WithLevels(level),
	}
	logger := slogLogger(log)
	return link{logging.UnaryServerInterceptor(logger, opts...), logging.StreamServerInterceptor(logger, opts...)}
}

func recovered(log *slog.Logger) link {
	handler := recovery.WithRecoveryHandlerContext(panicked(log))
	return link{recovery.UnaryServerInterceptor(handler), recovery.StreamServerInterceptor(handler)}
}

func (a *Access) gate(log *slog.Logger, tally *tally) link {
	g := &gate{callers: a.Callers, tally: tally}
	if a.Audit {
		g.audit = &audit{log}
	}
	return link{g.unary, g.stream}
}
