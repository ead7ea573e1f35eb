package engineio

// Reason says why a session ended. Its text is what Socket.IO's own server
// says where that has a word for it.
type Reason uint8

// The reasons. A Session that has not ended has the zero Reason.
const (
	// TransportClose: the client closed the connection.
	TransportClose Reason = iota + 1
	// TransportError: the connection broke, or the client broke a rule of a
	// transport.
	TransportError
	// PingTimeout: the client did not answer a ping in time.
	PingTimeout
	// ParseError: the client sent what is no packet.
	ParseError
	// ForcedClose: the owner of the session ended it.
	ForcedClose
	// ServerShutdown: the server ends or drains.
	ServerShutdown
	// SlowConsumer: the client was too far behind in reading.
	SlowConsumer
	// PayloadTooLarge: a message or polling body was over Config.MaxPayload.
	PayloadTooLarge
	// TooManyPackets: a polling body held more packets than
	// Config.MaxBodyPackets.
	TooManyPackets
	// RateLimit: the client sent faster than it may.
	RateLimit
	// Fenced: others take this process for dead, and its sessions for ended.
	Fenced

	// The reasons below are a Receiver's, which knows what messages mean.

	// ConnectTimeout: the client did not get in anywhere in time.
	ConnectTimeout
	// TooManyAttachments: a message announced more attachments than it may.
	TooManyAttachments
	// PayloadTooDeep: a message nested deeper than it may.
	PayloadTooDeep
	// EventNameTooLong: a message named an event with more bytes than it may.
	EventNameTooLong
)

var reasonTexts = [...]string{
	"none", "transport close", "transport error", "ping timeout", "parse error",
	"forced close", "server shutting down", "slow consumer", "payload too large", "too many packets", "rate limit",
	"node fenced",
	"connect timeout", "too many attachments", "payload too deep", "event name too long",
}

// String is the reason's text, stable for logs and metrics.
func (r Reason) String() string { return reasonTexts[r] }

// flushes reports whether a session that ends for this reason still delivers
// what is queued: only where the server chose the end, so that the client can
// be expected to listen.
func (r Reason) flushes() bool {
	return r == ForcedClose || r == ServerShutdown || r == ConnectTimeout || r == Fenced
}
