package sio

import (
	"errors"
	"fmt"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Config holds the options of a Server.
type Config struct {
	// Engine holds the options of the transports.
	Engine engineio.Config `yaml:",inline"`
	// Namespaces that clients may connect to: names, which begin with "/",
	// and patterns of names. A pattern is a regular expression (RE2) that
	// begins with "^/" and ends with "$".
	Namespaces []string `yaml:"-"`
	// Interest is told of the groups of all namespaces; nil means nobody.
	Interest *Interest `yaml:"-"`
	// ConnectTimeout is how long a client may stay without having joined a
	// namespace.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// DisconnectGrace is how long a client whose last namespace has ended may
	// stay to join one again.
	DisconnectGrace time.Duration `yaml:"disconnect_grace"`
	// MaxAttachments is how many binary attachments an event of a client may
	// have.
	MaxAttachments int `yaml:"max_attachments"`
	// MaxJSONDepth is how deep arrays and objects may nest in what a client
	// sends, the array of the event's arguments included.
	MaxJSONDepth int `yaml:"max_json_depth"`
	// MaxEventName is how long the name of a client's event may be, in bytes.
	MaxEventName int `yaml:"max_event_name"`
	// MaxNamespaces is how many namespaces one client may be in at once.
	MaxNamespaces int `yaml:"max_namespaces"`
	// MaxDynamicNamespaces is how many namespaces that exist by a pattern may
	// have members at once.
	MaxDynamicNamespaces int `yaml:"max_dynamic_namespaces"`
	// MaxRooms is how many rooms a socket may be in.
	MaxRooms int `yaml:"max_rooms"`
	// MaxInbox is how many bytes of events may wait for the Handler, per
	// client, before the server stops reading from it.
	MaxInbox int `yaml:"max_inbox"`
	// MaxPendingAcks is how many acknowledgements of clients may be waited
	// for, all events and clients together.
	MaxPendingAcks int `yaml:"max_pending_acks"`
	// MaxAckQueue is how many bytes of acknowledgements of one event may wait
	// for the caller of EmitWithAck.
	MaxAckQueue int `yaml:"max_ack_queue"`
	// Recovery gives clients back what a lost connection has taken.
	Recovery Recovery `yaml:"recovery"`
}

// DefaultConfig is Socket.IO's where that has a default.
func DefaultConfig() Config {
	return Config{
		Engine:          engineio.DefaultConfig(),
		Namespaces:      []string{"/"},
		ConnectTimeout:  45 * time.Second,
		DisconnectGrace: 2 * time.Second,
		MaxAttachments:  parser.MaxAttachments,
		MaxJSONDepth:    128,
		MaxEventName:    maxEventName,
		MaxNamespaces:   100,
		MaxRooms:        1000,
		MaxInbox:        1 << 20,
		MaxPendingAcks:  1_000_000,
		MaxAckQueue:     4 << 20,

		MaxDynamicNamespaces: 10_000,

		Recovery: defaultRecovery(),
	}
}

// Validate reports every option that no server can work with.
func (c *Config) Validate() error {
	faults := append(c.namespaceFaults(), c.Engine.Validate())
	faults = append(faults, c.Recovery.faults()...)
	if c.ConnectTimeout <= 0 {
		faults = append(faults, fmt.Errorf("connect_timeout: %v is not a positive time", c.ConnectTimeout))
	}
	if c.DisconnectGrace <= 0 {
		faults = append(faults, fmt.Errorf("disconnect_grace: %v is not a positive time", c.DisconnectGrace))
	}
	for _, n := range []struct {
		name  string
		value int
	}{
		{"max_attachments", c.MaxAttachments},
		{"max_json_depth", c.MaxJSONDepth},
		{"max_event_name", c.MaxEventName},
		{"max_namespaces", c.MaxNamespaces},
		{"max_dynamic_namespaces", c.MaxDynamicNamespaces},
		{"max_rooms", c.MaxRooms},
		{"max_inbox", c.MaxInbox},
		{"max_pending_acks", c.MaxPendingAcks},
		{"max_ack_queue", c.MaxAckQueue},
	} {
		if n.value < 1 {
			faults = append(faults, fmt.Errorf("%s: %d is not a positive number", n.name, n.value))
		}
	}
	if c.MaxJSONDepth > parser.MaxDepth {
		faults = append(faults, fmt.Errorf("max_json_depth: %d is more than %d", c.MaxJSONDepth, parser.MaxDepth))
	}
	return errors.Join(faults...)
}
