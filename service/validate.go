package service

import (
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// maxReasonBytes is the longest DisconnectRequest.reason.
const maxReasonBytes = 256

// checker turns parts of messages into what sio takes, and collects every
// field that breaks a rule of its message. What it returns for such a part is
// of no use.
type checker struct {
	cfg        Config
	violations []*errdetails.BadRequest_FieldViolation

	// The request's event, and its field. Package sio finds its faults while it
	// encodes it; see sound.
	event      *sio.Event
	eventField string
}

func (c *checker) fault(field, format string, args ...any) {
	c.violations = append(c.violations, &errdetails.BadRequest_FieldViolation{
		Field: field, Description: fmt.Sprintf(format, args...),
	})
}

// err is the status for what was found wrong so far, nil if nothing was.
func (c *checker) err() error {
	if len(c.violations) == 0 {
		return nil
	}
	return c.unsound()
}

// unsound is the status for all that is wrong with a request, once it is known
// that something is, be it with the event.
func (c *checker) unsound() error {
	if c.event != nil {
		c.sound(c.eventField, c.event)
	}
	return invalidRequest(c.violations)
}

// problem is the same for a reply of a backend, in which one fault is enough.
func (c *checker) problem() error {
	if len(c.violations) == 0 {
		return nil
	}
	return fmt.Errorf("%s %s", c.violations[0].GetField(), c.violations[0].GetDescription())
}

func (c *checker) target(t *realtimev1.Target) sio.Target {
	if len(t.GetRooms())+len(t.GetUsers())+len(t.GetConnectionIds()) == 0 {
		c.fault("target", "must name a room, a user or a connection")
	}
	return sio.Target{
		Rooms:       c.names("target.rooms", t.GetRooms()),
		Users:       c.names("target.users", t.GetUsers()),
		IDs:         c.names("target.connection_ids", t.GetConnectionIds()),
		ExceptRooms: c.names("target.except_rooms", t.GetExceptRooms()),
		ExceptUsers: c.names("target.except_users", t.GetExceptUsers()),
		ExceptIDs:   c.names("target.except_connection_ids", t.GetExceptConnectionIds()),
	}
}

func (c *checker) everyone(req *realtimev1.BroadcastRequest) sio.Target {
	return sio.Target{
		Everyone:    true,
		ExceptRooms: c.names("except_rooms", req.GetExceptRooms()),
		ExceptUsers: c.names("except_users", req.GetExceptUsers()),
		ExceptIDs:   c.names("except_connection_ids", req.GetExceptConnectionIds()),
	}
}

// rooms checks those of JoinRoom and LeaveRoom.
func (c *checker) rooms(rooms []string) []string {
	if len(rooms) == 0 {
		c.fault("rooms", "must name a room")
	}
	return c.names("rooms", rooms)
}

func (c *checker) names(field string, names []string) []string {
	if len(names) > c.cfg.MaxNames {
		c.fault(field, "has %d names, more than %d", len(names), c.cfg.MaxNames)
		return nil
	}
	for i, name := range names {
		if err := authn.CheckName(name); err != nil {
			c.fault(fmt.Sprintf("%s[%d]", field, i), "%v", err)
		}
	}
	return names
}

func (c *checker) name(field, name string) {
	if err := authn.CheckName(name); err != nil {
		c.fault(field, "%v", err)
	}
}

func (c *checker) optionalName(field, name string) {
	if name != "" {
		c.name(field, name)
	}
}

func (c *checker) reason(reason string) {
	if len(reason) > maxReasonBytes {
		c.fault("reason", "is longer than %d bytes", maxReasonBytes)
	}
}

// ackTimeout returns how long clients have to answer.
func (c *checker) ackTimeout(field string, d *durationpb.Duration) time.Duration {
	if d == nil {
		return defaultAckTimeout
	}
	timeout := d.AsDuration()
	if timeout <= 0 || timeout > maxAckTimeout {
		c.fault(field, "must be more than zero and at most %v", maxAckTimeout)
	}
	return timeout
}

// level returns the level that the report will have.
func (c *checker) level(level realtimev1.ReportLevel) realtimev1.ReportLevel {
	if _, known := realtimev1.ReportLevel_name[int32(level)]; !known {
		c.fault("report_level", "is unknown")
	}
	if level == realtimev1.ReportLevel_REPORT_LEVEL_UNSPECIFIED {
		return realtimev1.ReportLevel_REPORT_LEVEL_ROUTED
	}
	return level
}

// filter checks the conditions that ListConnections and CountConnections
// share.
func (c *checker) filter(room, user string) filter {
	c.optionalName("room", room)
	c.optionalName("user_id", user)
	return filter{room: room, user: user}
}

// cursor checks where a list of the token's kind goes on.
func (c *checker) cursor(kind byte, size int32, token string) cursor {
	at := cursor{kind: kind, size: int(size)}
	if at.size < 0 || at.size > maxPageSize {
		c.fault("page_size", "must be 0 to %d", maxPageSize)
	}
	if at.size == 0 {
		at.size = defaultPageSize
	}
	if token != "" {
		var ok bool
		if at.after, ok = decodeToken(kind, token); !ok {
			c.fault("page_token", "is not a next_page_token of this list")
		}
	}
	return at
}
