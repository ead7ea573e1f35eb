package sio

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// Config holds the options of a Server.
type Config struct {
	// Engine holds the options of the transports.
	Engine engineio.Config `yaml:",inline"`
	// Namespaces that clients may connect to; each begins with "/".
	Namespaces []string `yaml:"-"`
	// ConnectTimeout is how long a client may stay without having joined a
	// namespace.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// DisconnectGrace is how long a client whose last namespace has ended may
	// stay to join one again.
	DisconnectGrace time.Duration `yaml:"disconnect_grace"`
	// MaxAttachments is how many binary attachments an event of a client may
	// have.
	MaxAttachments int `yaml:"max_attachments"`
	// MaxRooms is how many rooms a socket may be in.
	MaxRooms int `yaml:"max_rooms"`
	// MaxInbox is how many bytes of events may wait for the Handler, per
	// client, before the server stops reading from it.
	MaxInbox int `yaml:"max_inbox"`
}

// DefaultConfig is Socket.IO's where that has a default.
func DefaultConfig() Config {
	return Config{
		Engine:          engineio.DefaultConfig(),
		Namespaces:      []string{"/"},
		ConnectTimeout:  45 * time.Second,
		DisconnectGrace: 2 * time.Second,
		MaxAttachments:  parser.MaxAttachments,
		MaxRooms:        1000,
		MaxInbox:        1 << 20,
	}
}

// Validate reports every option that no server can work with.
func (c *Config) Validate() error {
	faults := []error{c.Engine.Validate()}
	if len(c.Namespaces) == 0 {
		faults = append(faults, errors.New("namespaces: at least one is needed"))
	}
	for _, name := range c.Namespaces {
		if !strings.HasPrefix(name, "/") || strings.ContainsAny(name, ",?\x00") {
			faults = append(faults, fmt.Errorf(`namespaces: %q must begin with "/" and hold no comma, question mark or NUL`, name))
		}
	}
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
		{"max_rooms", c.MaxRooms},
		{"max_inbox", c.MaxInbox},
	} {
		if n.value < 1 {
			faults = append(faults, fmt.Errorf("%s: %d is not a positive number", n.name, n.value))
		}
	}
	return errors.Join(faults...)
}
