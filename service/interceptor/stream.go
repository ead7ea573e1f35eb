package interceptor

import (
	"sync/atomic"

	"google.golang.org/grpc"
)

// heldStream decides about each message of a stream. After the first that is
// refused nothing comes through any more, in either direction; the stream of a
// caller that is gone ends so with its next message.
type heldStream struct {
	grpc.ServerStream

	call    *call
	opening any // the first request; of the goroutine that receives
	refusal atomic.Pointer[error]
}

func (s *heldStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	if refusal := s.refusal.Load(); refusal != nil {
		return *refusal
	}
	if s.opening == nil {
		s.opening = m
	}
	return s.keep(s.call.request(s.Context(), m))
}

func (s *heldStream) SendMsg(m any) error {
	if refusal := s.refusal.Load(); refusal != nil {
		return *refusal
	}
	if _, err := s.call.still(s.Context()); err != nil {
		return s.keep(err)
	}
	return s.ServerStream.SendMsg(m)
}

func (s *heldStream) keep(err error) error {
	if err != nil {
		s.refusal.CompareAndSwap(nil, &err)
	}
	return err
}
