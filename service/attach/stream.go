package attach

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Stream is one of the RPC Attach.
type Stream = grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]

// Attach serves a worker until one of both sides ends.
func (h *Hub) Attach(stream Stream) error {
	if !h.enter() {
		return errDraining
	}
	defer h.streams.Done()
	hello, err := h.greet(stream)
	if err != nil {
		return err
	}
	g := h.groups[hello.GetGroup()]
	if g == nil {
		return errGroupNotFound
	}
	w := newWorker(g, hello)
	if err := g.add(w); err != nil {
		return err
	}
	w.log.LogAttrs(stream.Context(), slog.LevelInfo, "a worker has come", slog.Int("credits", int(hello.GetCredits())))
	// Both end with the stream, which ends when this function has returned.
	h.running.Go(func() { w.receive(stream) })
	h.running.Go(func() {
		w.send(stream, &realtimev1.AttachWelcome{NodeId: h.NodeID, MaxMessageBytes: int64(h.MaxMessage)})
	})
	select {
	case err = <-w.ended:
	case <-stream.Context().Done():
		err = status.FromContextError(stream.Context().Err()).Err()
	}
	unanswered := g.remove(w)
	w.log.LogAttrs(context.WithoutCancel(stream.Context()), slog.LevelInfo, "a worker has left",
		slog.Int("unanswered", unanswered), slog.String("status", status.Convert(err).Message()))
	return err
}

// greet waits for the first message, and checks it.
func (h *Hub) greet(stream Stream) (*realtimev1.AttachHello, error) {
	type received struct {
		m   *realtimev1.AttachRequest
		err error
	}
	first := make(chan received, 1)
	h.running.Go(func() {
		m, err := stream.Recv()
		first <- received{m, err}
	})
	patience := time.NewTimer(h.times.hello)
	defer patience.Stop()
	select {
	case r := <-first:
		switch hello := r.m.GetHello(); {
		case r.err != nil && !errors.Is(r.err, io.EOF):
			return nil, r.err
		case r.err != nil:
			return nil, errNoHello
		case hello == nil:
			return nil, errNotHello
		default:
			return hello, checkHello(hello)
		}
	case <-patience.C:
		return nil, errNoHello
	case <-h.ending:
		return nil, errDraining
	case <-stream.Context().Done():
		return nil, status.FromContextError(stream.Context().Err()).Err()
	}
}

// send sends what there is, until the stream ends.
func (w *worker) send(stream Stream, welcome *realtimev1.AttachWelcome) {
	for {
		select {
		case <-w.wake:
		case <-stream.Context().Done():
			return
		}
		for m := w.message(welcome); m != nil; m = w.message(welcome) {
			if stream.Send(m) != nil {
				return // the stream has ended
			}
		}
	}
}

// receive hears what the worker says, until the stream ends.
func (w *worker) receive(stream Stream) {
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			w.end(nil)
			return
		case err != nil:
			w.end(err)
			return
		}
		if err := w.hear(m); err != nil {
			w.end(err)
			return
		}
	}
}
