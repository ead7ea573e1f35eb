package redisbus

import (
	"fmt"
	"io"
)

// event is what a subscribing connection hears: a message, a confirmation or
// an error.
type event struct {
	// kind is the first word, such as "message" or "subscribe". It is empty
	// for an error.
	kind string
	// pattern and channel are good until the next event is read.
	pattern, channel []byte
	// payload belongs to whoever reads the event. It is nil if it was too large.
	payload []byte
	// large says that it was.
	large bool
	// err is the error that Redis answered a command with.
	err error
}

// event reads the next one. Apart from the payload it costs no memory.
func (r *reader) event() (event, error) {
	kind, rest, err := r.line()
	switch {
	case err != nil:
		return event{}, err
	case kind == '-':
		return event{err: replyError(rest)}, nil
	case kind != '*':
		return event{}, fmt.Errorf("%w: begins with %q", errProtocol, kind)
	}
	n, err := number(rest)
	if err != nil {
		return event{}, err
	}
	if r.kind, err = r.name(r.kind); err != nil {
		return event{}, err
	}
	e := event{kind: known(r.kind)}
	switch {
	case (e.kind == "message" || e.kind == "smessage") && n == 3:
		return r.message(e)
	case e.kind == "pmessage" && n == 4:
		if r.pattern, err = r.name(r.pattern); err != nil {
			return event{}, err
		}
		e.pattern = r.pattern
		return r.message(e)
	case e.kind != "" && n == 3:
		return r.confirmation(e)
	default:
		return event{}, fmt.Errorf("%w: %d words that begin with %q", errProtocol, n, r.kind)
	}
}

// known is the kind as a string that exists already.
func known(kind []byte) string {
	switch string(kind) {
	case "message":
		return "message"
	case "smessage":
		return "smessage"
	case "pmessage":
		return "pmessage"
	}
	for _, v := range verbs {
		switch string(kind) {
		case v.subscribe:
			return v.subscribe
		case v.unsubscribe:
			return v.unsubscribe
		}
	}
	return ""
}

func (r *reader) message(e event) (event, error) {
	var err error
	if r.channel, err = r.name(r.channel); err != nil {
		return event{}, err
	}
	e.channel = r.channel
	n, err := r.length()
	if err != nil {
		return event{}, err
	}
	e.large = n > maxBulk
	e.payload, err = r.bulk(n)
	return e, err
}

func (r *reader) confirmation(e event) (event, error) {
	var err error
	if r.channel, err = r.name(r.channel); err != nil {
		return event{}, err
	}
	e.channel = r.channel
	kind, rest, err := r.line()
	switch {
	case err != nil:
		return event{}, err
	case kind != ':':
		return event{}, fmt.Errorf("%w: a confirmation without a count", errProtocol)
	}
	_, err = number(rest)
	return e, err
}

// length reads the line before a text.
func (r *reader) length() (int64, error) {
	kind, rest, err := r.line()
	switch {
	case err != nil:
		return 0, err
	case kind != '$':
		return 0, fmt.Errorf("%w: begins with %q, not with a text", errProtocol, kind)
	}
	return number(rest)
}

// name reads a text into memory that is used again.
func (r *reader) name(into []byte) ([]byte, error) {
	n, err := r.length()
	switch {
	case err != nil:
		return into, err
	case n == -1:
		return into[:0], nil
	case n < -1 || n > maxName:
		return into, fmt.Errorf("%w: a name of length %d", errProtocol, n)
	}
	into = append(into[:0], make([]byte, n)...)
	if _, err := io.ReadFull(r.buf, into); err != nil {
		return into, err
	}
	return into, r.endOfLine()
}

// maxName is the longest name of a channel that is understood.
const maxName = 1 << 16
