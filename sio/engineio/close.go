package engineio

import (
	"errors"
	"io"
	"log/slog"
)

// ended is the error that stops the reading of a session, and says why the
// session ends.
type ended Reason

func (e ended) Error() string { return Reason(e).String() }

// EndWith is an error for Receiver.Message that ends the session with a reason
// of its own.
func EndWith(reason Reason) error { return ended(reason) }

// refusedFor is the reason for which a session ends whose receiver has refused
// a message.
func refusedFor(err error) Reason {
	if end, ok := errors.AsType[ended](err); ok {
		return Reason(end)
	}
	return ParseError
}

// reasonFor turns what stopped a reader into a reason.
func reasonFor(err error) Reason {
	var end ended
	switch {
	case errors.As(err, &end):
		return Reason(end)
	case errors.Is(err, errTooBig):
		return PayloadTooLarge
	case errors.Is(err, io.EOF):
		return TransportClose
	default:
		return TransportError
	}
}

// close is the only end of a session. The first caller wins; later ones do
// nothing. answer is a last frame for a WebSocket client that broke a rule,
// or nil.
//
// The steps have their order: timers are stopped, the queue is finished or
// dropped, the receiver is told, and then the transport goes, at once or,
// where the reason promises delivery, when the client has fetched the rest.
func (s *Session) close(reason Reason, answer *Frame) {
	s.mu.Lock()
	if s.state != stateOpen {
		if s.state == stateOpening { // Server.start finds it so, and gives it up
			s.state = stateClosed
		}
		s.mu.Unlock()
		return
	}
	s.stopBeat()
	s.resume()
	lingers, flush := s.windUp(reason)
	s.mu.Unlock()

	s.server.metrics.closed(reason)
	s.server.log.Debug("session closed", slog.String("sid", s.id), slog.String("reason", reason.String()))
	s.receiver.Closed(reason)
	if flush {
		s.flush()
	}
	if !lingers {
		s.end(answer)
	}
}

// windUp prepares the queue for the end. It reports whether the session
// lingers until the client has fetched the rest, and whether the caller must
// flush.
func (s *Session) windUp(reason Reason) (lingers, flush bool) {
	switch {
	case reason.flushes() && s.ws != nil:
		s.state = stateClosing
		flush = s.push(wsGoodbye)
	case reason.flushes():
		s.state = stateClosing
		s.push(closePacket)
	case reason == TransportClose && s.ws == nil:
		// A poll that waits, or one that raced with the client's close
		// packet, is still answered.
		s.state = stateClosing
		s.dropQueue()
		s.push(noopPacket)
	default:
		s.state = stateClosed
		s.dropQueue()
		s.wakePoll()
		return false, false
	}
	s.server.closings.Set(&s.beat, s)
	return true, flush
}

// end is the last step of close: the session is forgotten and its transport
// closed. It may be called more than once.
func (s *Session) end(answer *Frame) {
	s.mu.Lock()
	s.state = stateClosed
	s.dropQueue()
	s.wakePoll()
	s.server.closings.Cancel(&s.beat)
	conn, probe := s.ws, s.probe
	s.probe = nil
	answer, leave := s.leaveAnswer(answer)
	s.mu.Unlock()
	s.server.forget(s)
	if probe != nil {
		probe.close(nil)
	}
	if conn != nil && !leave {
		conn.close(answer)
	}
}

// leaveAnswer decides what becomes of the answer of end; the lock is held. A frame
// that is half written cannot be followed by another: whoever writes in place
// is left with the answer, and with closing the WebSocket. A slow client does
// without.
func (s *Session) leaveAnswer(answer *Frame) (_ *Frame, leave bool) {
	switch {
	case answer == nil || !s.out.writing:
		return answer, s.out.last != nil
	case s.out.slow:
		return nil, false
	default:
		s.out.last = answer
		return nil, true
	}
}
