package sio

import (
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

// Reason says why a socket ended, in the words of Socket.IO's own server where
// it has one.
type Reason uint8

// The reasons.
const (
	// ReasonClientDisconnect: the client left the namespace.
	ReasonClientDisconnect Reason = iota + 1
	// ReasonServerDisconnect: Socket.Disconnect was called.
	ReasonServerDisconnect
	// ReasonExpired: the client's credential ended.
	ReasonExpired
	// ReasonTransportClose: the client closed its connection.
	ReasonTransportClose
	// ReasonTransportError: the connection broke.
	ReasonTransportError
	// ReasonPingTimeout: the client did not answer a ping.
	ReasonPingTimeout
	// ReasonParseError: the client sent what is no packet.
	ReasonParseError
	// ReasonForcedClose: the server closed the connection, for the sake of
	// another namespace on it.
	ReasonForcedClose
	// ReasonShutdown: the server ends or drains.
	ReasonShutdown
	// ReasonSlowConsumer: the client was too far behind in reading.
	ReasonSlowConsumer
	// ReasonPayloadTooLarge: the client sent a message or a polling body over
	// engineio.Config.MaxPayload.
	ReasonPayloadTooLarge
	// ReasonTooManyPackets: a polling body held more packets than
	// engineio.Config.MaxBodyPackets.
	ReasonTooManyPackets
	// ReasonRateLimit: the client sent faster than it may.
	ReasonRateLimit
	// ReasonConnectTimeout: the client was let in, but after
	// Config.ConnectTimeout.
	ReasonConnectTimeout
	// ReasonTooManyAttachments: a packet announced more attachments than
	// Config.MaxAttachments.
	ReasonTooManyAttachments
	// ReasonPayloadTooDeep: the payload of a packet nested deeper than
	// Config.MaxJSONDepth.
	ReasonPayloadTooDeep
	// ReasonEventNameTooLong: an event's name was longer than
	// Config.MaxEventName.
	ReasonEventNameTooLong
	// ReasonFenced: others take this process for dead; see Server.Fence.
	ReasonFenced
	// ReasonNodeLost: the process that had the socket ended without a word. No
	// Server gives this reason; it is for those who tell of such sockets.
	ReasonNodeLost
	// ReasonRevoked: the client's credential was revoked.
	ReasonRevoked
)

var reasonTexts = [...]string{
	"none", "client namespace disconnect", "server namespace disconnect", "credential expired",
	"transport close", "transport error", "ping timeout", "parse error",
	"forced close", "server shutting down", "slow consumer", "payload too large", "too many packets", "rate limit",
	"connect timeout", "too many attachments", "payload too deep", "event name too long",
	"node fenced", "node lost", "credential revoked",
}

// String is the reason's text, stable for logs, metrics and backends.
func (r Reason) String() string { return reasonTexts[r] }

// sessionReasons says what the end of a session is for its sockets.
var sessionReasons = map[engineio.Reason]Reason{
	engineio.TransportClose: ReasonTransportClose,
	engineio.TransportError: ReasonTransportError,
	engineio.PingTimeout:    ReasonPingTimeout,
	engineio.ParseError:     ReasonParseError,
	engineio.ForcedClose:    ReasonForcedClose,
	engineio.ServerShutdown: ReasonShutdown,
	engineio.Fenced:         ReasonFenced,
	engineio.SlowConsumer:   ReasonSlowConsumer,

	engineio.PayloadTooLarge:    ReasonPayloadTooLarge,
	engineio.TooManyPackets:     ReasonTooManyPackets,
	engineio.RateLimit:          ReasonRateLimit,
	engineio.ConnectTimeout:     ReasonConnectTimeout,
	engineio.TooManyAttachments: ReasonTooManyAttachments,
	engineio.PayloadTooDeep:     ReasonPayloadTooDeep,
	engineio.EventNameTooLong:   ReasonEventNameTooLong,
}

// End is how a socket ended.
type End struct {
	Reason Reason
	// Detail is what the caller of Disconnect had to say.
	Detail string
	At     time.Time

	reconnect bool // Disconnect wants the client to come back
}
