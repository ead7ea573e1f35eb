package realtime_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
)

func TestErrorsOfACall(t *testing.T) {
	refused, err := status.New(codes.InvalidArgument, "target is empty").WithDetails(
		&errdetails.ErrorInfo{Domain: "proxy.example.com", Reason: "NOT_OURS"},
		&errdetails.ErrorInfo{Domain: "realtime-server", Reason: "INVALID_REQUEST"},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "target", Description: "is empty"},
			{Field: "event.name", Description: "is reserved"},
		}},
	)
	if err != nil {
		t.Fatal(err)
	}
	server := newRecorder(t, always(nil, refused.Err()))
	_, err = server.client(t, realtime.WithPlaintext()).Send(t.Context(), realtime.Target{}, realtime.NewEvent("connect"))

	// Callers wrap what they got.
	err = fmt.Errorf("notify: %w", err)
	if code := status.Code(err); code != codes.InvalidArgument {
		t.Errorf("code %v, want InvalidArgument", code)
	}
	if reason := realtime.ReasonOf(err); reason != "INVALID_REQUEST" {
		t.Errorf("reason %q, want INVALID_REQUEST", reason)
	}
	want := []realtime.FieldViolation{
		{Field: "target", Description: "is empty"},
		{Field: "event.name", Description: "is reserved"},
	}
	if got := realtime.FieldViolationsOf(err); !slices.Equal(got, want) {
		t.Errorf("field violations %v, want %v", got, want)
	}
}

func TestErrorsWithoutDetails(t *testing.T) {
	for _, err := range []error{nil, errors.New("plain"), status.Error(codes.Unavailable, "away")} {
		if reason := realtime.ReasonOf(err); reason != "" {
			t.Errorf("ReasonOf(%v) = %q", err, reason)
		}
		if violations := realtime.FieldViolationsOf(err); violations != nil {
			t.Errorf("FieldViolationsOf(%v) = %v", err, violations)
		}
	}
}
