package service

import (
	"google.golang.org/grpc"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

// Attacher serves the streams of backends that dial out; see package attach.
type Attacher interface {
	Attach(grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]) error
}

// SetAttacher lets backends dial out. It is called before the API is served.
func (s *Service) SetAttacher(a Attacher) { s.attacher = a }

// Attach hands the stream to the Attacher.
func (s *Service) Attach(stream grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]) error {
	return s.attacher.Attach(stream)
}

// noGroups is the Attacher of a server whose configuration names no group.
type noGroups struct{}

func (noGroups) Attach(grpc.BidiStreamingServer[realtimev1.AttachRequest, realtimev1.AttachResponse]) error {
	return errNoGroups
}

var errNoGroups = apierror.New(realtimev1.ErrorReason_ERROR_REASON_GROUP_NOT_FOUND,
	"the server's configuration names no group")
