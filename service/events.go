package service

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/seed52a35d2d/realtime-server/authn"
	"github.com/seed52a35d2d/realtime-server/authn/wire"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// requestEvent reads the event of a request.
func (c *checker) requestEvent(field string, e *realtimev1.Event) *sio.Event {
	c.event, c.eventField = c.readEvent(field, e), field
	return c.event
}

// replyEvent checks an event of a backend's reply.
func (c *checker) replyEvent(field string, e *realtimev1.Event) *sio.Event {
	event := c.readEvent(field, e)
	c.sound(field, event)
	return event
}

func (c *checker) readEvent(field string, e *realtimev1.Event) *sio.Event {
	event := &sio.Event{Name: e.GetName(), Args: c.args(field+".args", e.GetArgs()), Volatile: e.GetVolatile(), Plain: wire.Plain(e)}
	var err error
	if event.Expires, err = wire.Expiry(e.GetExpiresAfter()); err != nil {
		c.fault(field+".expires_after", "%v", err)
	}
	return event
}

// firstEvent checks an event of an authenticator.
func (c *checker) firstEvent(field string, e authn.Event) *sio.Event {
	event := &sio.Event{Name: e.Name, Volatile: e.Volatile, Plain: e.Plain, Expires: e.Expires}
	for _, arg := range e.Args {
		event.Args = append(event.Args, sio.Arg(arg))
	}
	c.sound(field, event)
	return event
}

// args reads the arguments of an event or an acknowledgement.
func (c *checker) args(field string, messages []*realtimev1.Arg) []sio.Arg {
	if len(messages) > c.cfg.MaxArgs {
		c.fault(field, "has %d arguments, more than %d", len(messages), c.cfg.MaxArgs)
		return nil
	}
	args := make([]sio.Arg, len(messages))
	for i, message := range messages {
		arg, err := wire.Arg(message)
		switch {
		case errors.Is(err, wire.ErrUnset), errors.Is(err, wire.ErrAttachments):
			c.fault(fmt.Sprintf("%s[%d]", field, i), "%v", err)
		case err != nil:
			c.fault(fmt.Sprintf("%s[%d].value", field, i), "%v", err)
		}
		if err != nil {
			arg.JSON = []byte("null") // nothing more to say about it
		}
		args[i] = sio.Arg(arg)
	}
	return args
}

// sound checks what package sio asks of every event. That reports the first
// fault only; the others are looked for once there is one.
func (c *checker) sound(field string, e *sio.Event) {
	var first *sio.FieldError
	if !errors.As(e.Validate(), &first) {
		return
	}
	before := len(c.violations)
	if first.Field == "name" {
		c.fault(field+".name", "%s", first.Problem)
	}
	for i, arg := range e.Args {
		if arg.Binary == nil && !json.Valid(arg.JSON) {
			c.fault(fmt.Sprintf("%s.args[%d].json", field, i), "is not one JSON text")
		}
	}
	if len(c.violations) == before {
		c.fault(field+"."+first.Field, "%s", first.Problem)
	}
}
