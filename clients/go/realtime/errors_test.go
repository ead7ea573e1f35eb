package realtime_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

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

func TestErrorsOfACaller(t *testing.T) {
	denied, err := status.New(codes.PermissionDenied, "no").WithDetails(
		&errdetails.ErrorInfo{Domain: "proxy.example.com", Reason: "SCOPE_MISSING", Metadata: map[string]string{"scope": "theirs"}},
		&errdetails.ErrorInfo{Domain: "realtime-server", Reason: "SCOPE_MISSING", Metadata: map[string]string{"room": "b:1"}},
	)
	if err != nil {
		t.Fatal(err)
	}
	if kind, which := realtime.LackOf(fmt.Errorf("notify: %w", denied.Err())); kind != "room" || which != "b:1" {
		t.Errorf("lacks %s %q", kind, which)
	}
	early, err := status.New(codes.ResourceExhausted, "early").WithDetails(
		&errdetails.ErrorInfo{Domain: "realtime-server", Reason: "RATE_LIMITED"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
	)
	if err != nil {
		t.Fatal(err)
	}
	if delay := realtime.RetryDelayOf(fmt.Errorf("notify: %w", early.Err())); delay != 1500*time.Millisecond {
		t.Errorf("retry after %v", delay)
	}
	if kind, which := realtime.LackOf(early.Err()); kind != "" || which != "" {
		t.Errorf("lacks %s %q", kind, which)
	}
}

func TestErrorsWithoutDetails(t *testing.T) {
	for _, err := range []error{nil, errors.New("plain"), status.Error(codes.Unavailable, "away")} {
		if reason := realtime.ReasonOf(err); reason != "" {
			t.Errorf("ReasonOf(%v) = %q", err, reason)
		}
		if delay := realtime.RetryDelayOf(err); delay != 0 {
			t.Errorf("RetryDelayOf(%v) = %v", err, delay)
		}
		if kind, which := realtime.LackOf(err); kind != "" || which != "" {
			t.Errorf("LackOf(%v) = %q, %q", err, kind, which)
		}
		if violations := realtime.FieldViolationsOf(err); violations != nil {
			t.Errorf("FieldViolationsOf(%v) = %v", err, violations)
		}
	}
}
