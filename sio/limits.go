package sio

import (
	"errors"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// parserLimits are what packets of clients are held to.
func (c *Config) parserLimits() parser.Limits {
	return parser.Limits{Attachments: c.MaxAttachments, Depth: c.MaxJSONDepth}
}

// errEventName is what a client does wrong whose event has too long a name.
var errEventName = errors.New("event name too long")

// breaches says which faults of a client end its session with a reason of
// their own. All others are a "parse error".
var breaches = map[error]engineio.Reason{
	parser.ErrTooManyAttachments: engineio.TooManyAttachments,
	parser.ErrTooDeep:            engineio.PayloadTooDeep,
	errEventName:                 engineio.EventNameTooLong,
}

// breach tells the engine for which reason a fault of a client ends its
// session.
func breach(err error) error {
	if reason, ours := breaches[err]; ours {
		return engineio.EndWith(reason)
	}
	return err
}
