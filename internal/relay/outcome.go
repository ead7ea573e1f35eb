package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
)

// outcome is how a request of another node's session has ended. It is the
// label of the metric, and stands in the log.
type outcome string

const (
	// answered by the owner, whatever its answer was.
	answered outcome = "answered"
	// upgraded to a WebSocket, which has ended by now.
	upgraded outcome = "upgraded"
	// unknownOwner: no living node has the tag of the session.
	unknownOwner outcome = "unknown owner"
	// relayedAlready: another node has sent it here, in vain.
	relayedAlready outcome = "relayed already"
	// tooMany are under way.
	tooMany outcome = "too many"
	// closing: this node ends.
	closing outcome = "closing"
	// unreachable: no connection with the owner.
	unreachable outcome = "unreachable"
	// late: the owner, or the client, took too long.
	late outcome = "late"
	// ownerGone: the owner has died meanwhile.
	ownerGone outcome = "owner gone"
	// clientLeft before there was an answer.
	clientLeft outcome = "client left"
	// broken off by the owner.
	broken outcome = "broken"
)

// outcomes are all of them.
var outcomes = []outcome{
	answered, upgraded, unknownOwner, relayedAlready, tooMany, closing, unreachable, late, ownerGone, clientLeft, broken,
}

// outcomeError is the cause of a context that was cancelled with this outcome.
type outcomeError struct{ outcome outcome }

func (e outcomeError) Error() string { return string(e.outcome) }

// outcomeOf is how a request has ended whose context is ctx. err may be nil.
func outcomeOf(ctx context.Context, err error) outcome {
	var ours outcomeError
	var refused *net.OpError
	var distrusted *tls.CertificateVerificationError
	switch {
	case errors.As(context.Cause(ctx), &ours):
		return ours.outcome
	case ctx.Err() != nil:
		return clientLeft
	case errors.As(err, &refused) && refused.Op == "dial", errors.As(err, &distrusted):
		return unreachable
	default:
		return broken
	}
}

// status is what a client is told by who cannot relay its request. A stock
// client takes each of them as the end of its session, and comes back.
func (o outcome) status() int {
	switch o {
	case tooMany, closing:
		return http.StatusServiceUnavailable
	case late:
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

// text is the same in words.
func (o outcome) text() string {
	switch o {
	case tooMany:
		return `{"message":"Too many relayed requests"}`
	case closing:
		return `{"message":"Server shutting down"}`
	case late:
		return `{"message":"Node of the session too slow"}`
	default:
		return `{"message":"Node of the session not reachable"}`
	}
}
