package attach

import (
	"time"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// hear takes one message of the worker. The error ends the stream.
func (w *worker) hear(m *realtimev1.AttachRequest) error {
	w.group.mu.Lock()
	defer w.group.mu.Unlock()
	if w.over {
		return nil
	}
	w.heard = time.Now()
	if w.silent {
		w.silent = false
		defer w.freed()
	}
	switch said := m.GetMessage().(type) {
	case *realtimev1.AttachRequest_Result:
		return w.result(said.Result)
	case *realtimev1.AttachRequest_Pong:
		due := w.pinged
		w.pinged = false
		if due {
			return nil
		}
	case *realtimev1.AttachRequest_Hello:
		return errSecondHello
	case *realtimev1.AttachRequest_Credits:
		if !validCredits(said.Credits.GetCredits()) {
			return errCredits
		}
		w.credits = int(said.Credits.GetCredits())
		w.freed()
		w.group.change()
	case *realtimev1.AttachRequest_Draining:
		w.draining = true
		w.endIfDone()
		w.group.reconsider()
		w.group.change()
	}
	return w.said()
}

// said counts what the worker was not asked for.
func (w *worker) said() error {
	w.unasked++
	if w.unasked > maxUnasked {
		return errTooMuch
	}
	return nil
}

// result takes what the worker says about a call.
func (w *worker) result(r *realtimev1.AttachResult) error {
	ignored := w.group.hub.metrics.ignored
	its, known := w.calls[r.GetId()]
	if !known || !its.sent {
		ignored.WithLabelValues(w.group.name, "unknown").Inc()
		return w.said()
	}
	delete(w.calls, r.GetId())
	if its.call == nil {
		ignored.WithLabelValues(w.group.name, "late").Inc()
	} else {
		its.call.end(outcome{result: r})
	}
	w.freed()
	w.endIfDone()
	return nil
}
