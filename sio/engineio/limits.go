package engineio

import (
	"fmt"
	"time"
)

// Limits are what clients are held to. Zero means no limit, except for
// MaxConnections and where the field says otherwise.
type Limits struct {
	// MaxBodyPackets is how many packets one polling body of a client may
	// hold.
	MaxBodyPackets int `yaml:"max_body_packets"`
	// MaxMessagesPerSecond is how fast a client may send, all its namespaces
	// together. Everything counts: messages, attachments, pings, noops, and
	// the control frames of WebSockets.
	MaxMessagesPerSecond int `yaml:"max_messages_per_second"`
	// MaxMessageBurst is how many of them may come at once; zero means those
	// of two seconds.
	MaxMessageBurst int `yaml:"max_message_burst"`
	// MaxBytesPerSecond is the same in bytes. A compressed message counts with
	// its size before and after.
	MaxBytesPerSecond int `yaml:"max_bytes_per_second"`
	// MaxByteBurst is how many bytes may come at once; zero means those of two
	// seconds, and two of the largest messages.
	MaxByteBurst int `yaml:"max_byte_burst"`

	// MaxConnections is how many sessions may be open. Zero means nine tenths
	// of the descriptors that the process may have.
	MaxConnections int `yaml:"max_connections"`
	// MaxConnectionsPerAddress is how many of them may come from one address;
	// of IPv6, from one network of 64 bits.
	MaxConnectionsPerAddress int `yaml:"max_connections_per_address"`
	// MaxHandshakesPerSecond is how many sessions may begin in a second, and at
	// once after a pause.
	MaxHandshakesPerSecond int `yaml:"max_handshakes_per_second"`
	// MaxHandshakesPerAddress is how many of them may come from one address.
	MaxHandshakesPerAddress int `yaml:"max_handshakes_per_address"`
}

// defaultLimits. A stock client puts into one body what it had to keep while it
// was away, up to MaxPayload; events of common size reach that limit first.
func defaultLimits() Limits { return Limits{MaxBodyPackets: 32_768} }

// maxRate keeps the arithmetic of buckets within 64 bits.
const maxRate = 1_000_000_000

func (l *Limits) faults() []error {
	var faults []error
	for _, n := range []struct {
		name  string
		value int
	}{
		{"max_body_packets", l.MaxBodyPackets},
		{"max_messages_per_second", l.MaxMessagesPerSecond},
		{"max_message_burst", l.MaxMessageBurst},
		{"max_bytes_per_second", l.MaxBytesPerSecond},
		{"max_byte_burst", l.MaxByteBurst},
		{"max_connections", l.MaxConnections},
		{"max_connections_per_address", l.MaxConnectionsPerAddress},
		{"max_handshakes_per_second", l.MaxHandshakesPerSecond},
		{"max_handshakes_per_address", l.MaxHandshakesPerAddress},
	} {
		if n.value < 0 || n.value > maxRate {
			faults = append(faults, fmt.Errorf("%s: %d is not between 0 and %d", n.name, n.value, maxRate))
		}
	}
	return faults
}

// paces are the buckets of every session.
func (c *Config) paces() (messages, bytes bucket) {
	l := c.Limits
	messages = bucket{l.MaxMessagesPerSecond, l.MaxMessageBurst}
	if messages.burst == 0 {
		messages.burst = 2 * messages.rate
	}
	bytes = bucket{l.MaxBytesPerSecond, l.MaxByteBurst}
	if bytes.burst == 0 {
		bytes.burst = 2*bytes.rate + 2*c.MaxPayload
	}
	return messages, bytes
}

// bucket is a token bucket: so many tokens a second, so many at once. Without
// a rate it never runs dry.
type bucket struct{ rate, burst int }

// take takes tokens, all or none. level belongs to the bucket's user: it is
// when the bucket will be full again, and all there is to remember.
func (b bucket) take(level *time.Duration, now time.Duration, tokens int) bool {
	if b.rate == 0 {
		return true
	}
	full := max(*level, now) + b.time(tokens)
	if full-now > b.time(b.burst) {
		return false
	}
	*level = full
	return true
}

// time is how long it takes until so many tokens have come.
func (b bucket) time(tokens int) time.Duration {
	return time.Duration(tokens/b.rate)*time.Second + time.Duration(tokens%b.rate)*time.Second/time.Duration(b.rate)
}
