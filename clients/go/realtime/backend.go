package realtime

import (
	"context"
	"encoding/json"
	"log/slog"
	"time"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Backend is the application's side of realtime-server: functions that the
// server calls. Hand it to [Serve] or [Register].
//
// For one connection the calls never overlap and come in the order of the
// fields below; for different connections they run at the same time. A nil
// function answers UNIMPLEMENTED, which the server takes for an empty reply.
//
// A function's error becomes the call's gRPC status: as it is if it carries
// one, else UNKNOWN. A panic becomes INTERNAL, and the process lives.
type Backend struct {
	// Authenticate decides about a client that connects. It is required. An
	// error of [Refuse] keeps the client out for good, any other error with a
	// temporary one.
	Authenticate func(context.Context, AuthRequest) (Accept, error)
	// OnConnected is called once a client was accepted and told so. Its error
	// changes nothing for the client.
	OnConnected func(context.Context, ConnectedRequest) (Welcome, error)
	// OnEvent is called for every event that a client emits. It returns the
	// arguments of the acknowledgement, as in [Event].Args.
	OnEvent func(context.Context, EventRequest) ([]any, error)
	// AuthorizeJoin is called when a client asks to join rooms, where the server's
	// configuration leaves that to the backend. It returns those that the client
	// may join. Its calls and those of OnEvent come in the order in which the client
	// has asked.
	AuthorizeJoin func(context.Context, JoinRequest) ([]string, error)
	// OnDisconnected is called once for every accepted connection, at its end.
	OnDisconnected func(context.Context, DisconnectedRequest) error

	// Log hears where [Serve] listens, and of panics. Nil means
	// slog.Default().
	Log *slog.Logger
}

func (b *Backend) log() *slog.Logger {
	if b.Log == nil {
		return slog.Default()
	}
	return b.Log
}

// RequestContext says on whose behalf the server calls.
type RequestContext struct {
	ConnectionID string
	Namespace    string
	NodeID       string         // the server process that calls
	Generation   int64          // which start of that process, increasing
	UserID       string         // Accept.UserID; empty in Authenticate, but for CauseRefresh
	Metadata     map[string]any // Accept.Metadata, as JSON has it; nil likewise
	Attempt      int32          // how often this call was tried, counted from 1
}

// Handshake is what the server knows of a client that connects.
type Handshake struct {
	Claims   Claims
	Observed Observed
}

// Claims is what the client says. It may be forged: verify before use.
type Claims struct {
	Auth    json.RawMessage   // the client's `auth` option
	Query   map[string]string // of the handshake request
	Headers map[string]string // those that the server lets through, by lower-case name
}

// Token is the string `token` of the client's `auth` option, or empty.
func (c Claims) Token() string {
	var auth struct {
		Token string `json:"token"`
	}
	if err := json.Unmarshal(c.Auth, &auth); err != nil {
		return "" // a token of another type is as good as none
	}
	return auth.Token
}

// Observed is what the server saw or verified itself.
type Observed struct {
	RemoteAddress string // the client's IP address
	Secure        bool   // whether the request came over TLS
	Transport     string // "polling" or "websocket"
	Time          time.Time
	URL           string // path and query of the handshake request
	CrossOrigin   bool
}

// AuthRequest asks who a client is.
type AuthRequest struct {
	RequestContext
	Handshake
	// RecoveringConnectionID is the id that a client had, which has lost its
	// connection and wants it back; empty for all others. If it is accepted as
	// the same user, it has that id again instead of ConnectionID.
	RecoveringConnectionID string
	// Cause is what made the client ask.
	Cause AuthCause
	// Payload is what the client sent with the event that is the Cause, as in
	// [Event].Args. It may be forged, as the Claims may.
	Payload []any
}

// AuthCause is what makes a client ask who it is.
type AuthCause = realtimev1.AuthenticateCause

// The causes.
const (
	// CauseConnect: it connects to a namespace.
	CauseConnect = realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_CONNECT
	// CauseEvent: it is connected, and emitted `authenticate`.
	CauseEvent = realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_EVENT
	// CauseRefresh: it is authenticated, and emitted `refresh`.
	CauseRefresh = realtimev1.AuthenticateCause_AUTHENTICATE_CAUSE_REFRESH
)

// Accept lets a client in.
type Accept struct {
	UserID    string         // who it is; empty for an anonymous connection
	Rooms     []string       // joined before the client is told that it is connected
	Metadata  map[string]any // private to backends; anything that JSON can hold
	ExpiresAt time.Time      // when the credential ends; zero means never
	Events    []Event        // what the client receives first
	TokenID   string         // names the credential for [Client.RevokeToken]; not the secret itself
}

// ConnectedRequest tells of a client that was accepted.
type ConnectedRequest struct {
	RequestContext
	Handshake
	// Recovered says that the client has got back a connection that it had lost,
	// and what it missed.
	Recovered bool
}

// Welcome adds to what Accept gave.
type Welcome struct {
	Rooms  []string // further rooms to join
	Events []Event  // received after the rooms were joined
}

// EventRequest is an event that a client emitted.
type EventRequest struct {
	RequestContext
	Event        Event
	AckRequested bool // whether anyone will see the acknowledgement
}

// JoinRequest asks which rooms a client may join.
type JoinRequest struct {
	RequestContext
	Rooms []string // those that it asks for, each once
}

// DisconnectedRequest tells of a connection that has ended.
type DisconnectedRequest struct {
	RequestContext
	Reason         string // in Socket.IO's words, for example "transport close"
	Detail         string // of WithReason, if Disconnect ended it
	Duration       time.Duration
	DisconnectedAt time.Time
}
