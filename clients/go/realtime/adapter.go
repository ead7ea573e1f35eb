package realtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// backendServer is a [Backend] as the generated service. What it does not
// implement, or has no function for, the embedded server answers.
type backendServer struct {
	realtimev1.UnimplementedRealtimeBackendServer
	backend *Backend
}

// Authenticate implements [realtimev1.RealtimeBackendServer].
func (s *backendServer) Authenticate(
	ctx context.Context, req *realtimev1.AuthenticateRequest,
) (_ *realtimev1.AuthenticateResponse, err error) {
	defer s.rescue(ctx, "Authenticate", &err)
	if s.backend.Authenticate == nil {
		return s.UnimplementedRealtimeBackendServer.Authenticate(ctx, req)
	}
	payload, err := argsFromProto(req.GetPayload())
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "payload, %v", err)
	}
	accept, err := s.backend.Authenticate(ctx, AuthRequest{
		RequestContext: requestContextFromProto(req.GetContext()),
		Handshake:      handshakeFromProto(req.GetHandshake()),

		RecoveringConnectionID: req.GetRecoveringConnectionId(),
		Cause:                  req.GetCause(),
		Payload:                payload,
	})
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		return refusal.proto()
	}
	if err != nil {
		return nil, err
	}
	return accept.proto()
}

// OnConnected implements [realtimev1.RealtimeBackendServer].
func (s *backendServer) OnConnected(
	ctx context.Context, req *realtimev1.OnConnectedRequest,
) (_ *realtimev1.OnConnectedResponse, err error) {
	defer s.rescue(ctx, "OnConnected", &err)
	if s.backend.OnConnected == nil {
		return s.UnimplementedRealtimeBackendServer.OnConnected(ctx, req)
	}
	welcome, err := s.backend.OnConnected(ctx, ConnectedRequest{
		RequestContext: requestContextFromProto(req.GetContext()),
		Handshake:      handshakeFromProto(req.GetHandshake()),
		Recovered:      req.GetRecovered(),
	})
	if err != nil {
		return nil, err
	}
	events, err := eventsProto(welcome.Events)
	if err != nil {
		return nil, err
	}
	return &realtimev1.OnConnectedResponse{Rooms: welcome.Rooms, Events: events}, nil
}

// OnEvent implements [realtimev1.RealtimeBackendServer].
func (s *backendServer) OnEvent(
	ctx context.Context, req *realtimev1.OnEventRequest,
) (_ *realtimev1.OnEventResponse, err error) {
	defer s.rescue(ctx, "OnEvent", &err)
	if s.backend.OnEvent == nil {
		return s.UnimplementedRealtimeBackendServer.OnEvent(ctx, req)
	}
	event, err := eventFromProto(req.GetEvent())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	ack, err := s.backend.OnEvent(ctx, EventRequest{
		RequestContext: requestContextFromProto(req.GetContext()),
		Event:          event,
		AckRequested:   req.GetAckRequested(),
	})
	if err != nil {
		return nil, err
	}
	args, err := argsProto(ack)
	if err != nil {
		return nil, fmt.Errorf("acknowledgement of %q, %w", event.Name, err)
	}
	return &realtimev1.OnEventResponse{Ack: args}, nil
}

// AuthorizeJoin implements [realtimev1.RealtimeBackendServer].
func (s *backendServer) AuthorizeJoin(
	ctx context.Context, req *realtimev1.AuthorizeJoinRequest,
) (_ *realtimev1.AuthorizeJoinResponse, err error) {
	defer s.rescue(ctx, "AuthorizeJoin", &err)
	if s.backend.AuthorizeJoin == nil {
		return s.UnimplementedRealtimeBackendServer.AuthorizeJoin(ctx, req)
	}
	allowed, err := s.backend.AuthorizeJoin(ctx, JoinRequest{
		RequestContext: requestContextFromProto(req.GetContext()),
		Rooms:          req.GetRooms(),
	})
	if err != nil {
		return nil, err
	}
	return &realtimev1.AuthorizeJoinResponse{AllowedRooms: allowed}, nil
}

// OnDisconnected implements [realtimev1.RealtimeBackendServer].
func (s *backendServer) OnDisconnected(
	ctx context.Context, req *realtimev1.OnDisconnectedRequest,
) (_ *realtimev1.OnDisconnectedResponse, err error) {
	defer s.rescue(ctx, "OnDisconnected", &err)
	if s.backend.OnDisconnected == nil {
		return s.UnimplementedRealtimeBackendServer.OnDisconnected(ctx, req)
	}
	err = s.backend.OnDisconnected(ctx, DisconnectedRequest{
		RequestContext: requestContextFromProto(req.GetContext()),
		Reason:         req.GetReason(),
		Detail:         req.GetDetail(),
		Duration:       req.GetDuration().AsDuration(),
		DisconnectedAt: req.GetDisconnectedAt().AsTime(),
	})
	return &realtimev1.OnDisconnectedResponse{}, err
}

// rescue turns a panic of one of the backend's functions into the error of
// its call. It must be deferred directly.
func (s *backendServer) rescue(ctx context.Context, call string, err *error) {
	reason := recover()
	if reason == nil {
		return
	}
	s.backend.log().LogAttrs(ctx, slog.LevelError, "backend panicked",
		slog.String("call", call), slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
	*err = status.Errorf(codes.Internal, "%s panicked", call)
}
