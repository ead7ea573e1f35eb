package apierror_test

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/apierror"
)

func TestEveryReasonIsAnError(t *testing.T) {
	for number, name := range realtimev1.ErrorReason_name {
		err := apierror.New(realtimev1.ErrorReason(number), "message")
		if status.Code(err) == codes.OK {
			t.Errorf("%s: %v", name, err)
		}
		if number != 0 && len(status.Convert(err).Details()) != 1 {
			t.Errorf("%s has no details: %v", name, err)
		}
	}
}
