package engineio

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// noopDelay is how long a poll is held while an upgrade is under way.
const noopDelay = 100 * time.Millisecond

// poll is a GET that waits for something to send. Only its own handler writes
// its response.
type poll struct {
	wake chan struct{}
}

// wakePoll lets the poll that waits look at the session; the lock is held.
func (s *Session) wakePoll() {
	if s.poll == nil {
		return
	}
	select {
	case s.poll.wake <- struct{}{}:
	default:
	}
}

// servePoll answers a GET with everything that is queued, once there is
// something.
func (s *Session) servePoll(w http.ResponseWriter, r *http.Request) {
	p, probed, code := s.beginPoll()
	if p == nil {
		s.server.refuse(w, r, code)
		return
	}
	var noop <-chan time.Time
	if probed {
		timer := time.NewTimer(noopDelay)
		defer timer.Stop()
		noop = timer.C
	}
	select {
	case <-p.wake:
	case <-noop:
	case <-r.Context().Done():
		s.close(TransportError, nil)
	}
	body, frames, last := s.takePoll()
	err := s.writePoll(w, s.server.packer.pack(r.Header, w.Header(), body, frames))
	s.server.account(frames, err)
	if err != nil {
		s.close(TransportError, nil)
	}
	if last {
		s.end(nil)
	}
}

// beginPoll registers a poll, or says why there can be none.
func (s *Session) beginPoll() (p *poll, probed bool, code errorCode) {
	if s.overdue() {
		return nil, false, codeUnknownSession
	}
	s.mu.Lock()
	overlap := s.ws == nil && s.poll != nil
	switch {
	case s.state == stateClosed:
		code = codeUnknownSession
	case s.ws != nil || overlap:
		code = codeBadRequest
	default:
		p = &poll{wake: make(chan struct{}, 1)}
		s.poll = p
		if len(s.out.frames) > 0 {
			s.wakePoll()
		}
	}
	probed = s.probed
	s.mu.Unlock()
	if overlap {
		s.close(TransportError, nil) // a client has one poll at a time (protocol, "HTTP long-polling")
	}
	return p, probed, code
}

// takePoll empties the queue into a polling body. last says that the session
// is over with it.
func (s *Session) takePoll() (body []byte, frames []*Frame, last bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = nil
	if s.state == stateClosed {
		return s.wire.toBody(closePacket), nil, true
	}
	for s.ws == nil {
		f := s.nextPolled(len(frames) == 0)
		if f == nil {
			break
		}
		s.out.bytes -= f.size()
		frames = append(frames, f)
	}
	body = s.wire.toBody(frames...)
	if len(frames) == 0 {
		body = s.wire.toBody(noopPacket)
	}
	return body, frames, s.state == stateClosing && s.ws == nil && len(s.out.frames) == 0
}

// nextPolled is next for a polling body. The close packet stands alone: stock
// clients act on it before they hand out the events that came with it.
func (s *Session) nextPolled(first bool) *Frame {
	s.dropExpired()
	if len(s.out.frames) > 0 && s.out.frames[0] == closePacket && !first {
		return nil
	}
	return s.out.pop(s.out.bytes)
}

// writePoll answers a poll and learns whether that worked.
func (s *Session) writePoll(w http.ResponseWriter, body []byte) error {
	s.server.respond(w, http.StatusOK, s.wire.contentType(body), body)
	return http.NewResponseController(w).Flush()
}

// servePost takes the packets of a POST.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request) {
	if code, ok := s.beginPost(r); !ok {
		s.server.refuse(w, r, code)
		return
	}
	defer s.endPost()
	body, err := s.readBody(w, r)
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig):
		s.server.respond(w, http.StatusRequestEntityTooLarge, "text/plain", nil)
		s.close(PayloadTooLarge, nil)
		return
	case err != nil:
		s.close(TransportError, nil)
		s.server.refuse(w, r, codeBadRequest)
		return
	}
	if err := s.receiveBody(r.Context(), body, isBinary(r)); err != nil {
		s.close(reasonFor(err), nil)
		switch reasonFor(err) {
		case TransportClose:
		case RateLimit:
			s.server.refuse(w, r, codeTooManyRequests)
			return
		default:
			s.server.refuse(w, r, codeBadRequest)
			return
		}
	}
	s.server.respond(w, http.StatusOK, "text/html", []byte("ok"))
}

// beginPost says whether a POST may be read. Two at a time would leave the
// order of their packets open, and end the session.
func (s *Session) beginPost(r *http.Request) (errorCode, bool) {
	if s.overdue() {
		return codeUnknownSession, false
	}
	if isBinary(r) && s.wire == wire4 {
		return codeBadRequest, false // binary bodies belong to Engine.IO 3
	}
	s.mu.Lock()
	overlap := s.ws == nil && s.posting
	switch {
	case s.state == stateClosed:
		s.mu.Unlock()
		return codeUnknownSession, false
	case s.ws != nil || overlap:
		s.mu.Unlock()
		if overlap {
			s.close(TransportError, nil)
		}
		return codeBadRequest, false
	}
	s.posting = true
	s.mu.Unlock()
	return 0, true
}

// isBinary reports whether the body of a POST is not text.
func isBinary(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), binaryContent)
}

func (s *Session) endPost() {
	s.mu.Lock()
	s.posting = false
	s.mu.Unlock()
}

// readBody reads a POST within the payload limit, and within the time that
// Server.limitBody has set.
func (s *Session) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(s.server.cfg.MaxPayload)))
	if err == nil {
		// Else it would cut off a handler that must wait.
		err = http.NewResponseController(w).SetReadDeadline(time.Time{})
	}
	return body, err
}

// receiveBody handles the packets of a polling body one after another, and
// waits while the session is paused. What comes while the session closes is
// too late, and ignored.
func (s *Session) receiveBody(ctx context.Context, body []byte, binary bool) error {
	if err := s.spend(0, len(body)); err != nil {
		return err
	}
	if !binary && !utf8.Valid(body) {
		return ended(ParseError)
	}
	left := s.server.cfg.Limits.MaxBodyPackets
	for rest := body; rest != nil; {
		if left--; left == -1 { // never, where there is no limit
			return ended(TooManyPackets)
		}
		if err := s.spend(1, 0); err != nil {
			return err
		}
		p, tail, err := s.wire.fromBody(rest, binary)
		if err != nil {
			return ended(ParseError)
		}
		rest = tail
		s.waitResumed(ctx.Done())
		if !s.listens() {
			return nil
		}
		if err := s.handle(p); err != nil {
			return err
		}
	}
	return nil
}

// listens notes that the client was heard, and reports whether the session is
// open for more.
func (s *Session) listens() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard()
	return s.state == stateOpen
}
