package realtime_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/seed52a35d2d/realtime-server/clients/go/realtime"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// asker is a Realtime service whose SendWithAck brings some messages and then
// an error.
type asker struct {
	realtimev1.UnimplementedRealtimeServer
	messages []*realtimev1.SendWithAckResponse
	err      error
	stays    bool // until the caller goes

	got  *realtimev1.SendWithAckRequest
	gone chan struct{}
}

func (a *asker) SendWithAck(
	req *realtimev1.SendWithAckRequest, stream grpc.ServerStreamingServer[realtimev1.SendWithAckResponse],
) error {
	a.got = req
	for _, message := range a.messages {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	if a.stays {
		<-stream.Context().Done()
		close(a.gone)
	}
	return a.err
}

func (a *asker) client(t *testing.T) *realtime.Client {
	t.Helper()
	a.gone = make(chan struct{})
	server := grpc.NewServer()
	realtimev1.RegisterRealtimeServer(server, a)
	client, err := realtime.Dial(serveOnLoopback(t, server), realtime.WithPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

var (
	start = &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Start{Start: &realtimev1.AckStart{Matched: 2}}}
	ack   = &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Ack{Ack: &realtimev1.Ack{
		ConnectionId: "c1", UserId: "u1", Args: []*realtimev1.Arg{jsonArg(`{"n":1}`), {Kind: &realtimev1.Arg_Binary{Binary: []byte("x")}}},
	}}}
	missing = &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Missing{Missing: &realtimev1.MissingAck{
		ConnectionId: "c2", UserId: "u2", Reason: realtime.MissingTimedOut,
	}}}
)

func TestSendWithAck(t *testing.T) {
	a := &asker{messages: []*realtimev1.SendWithAckResponse{start, ack, missing}}
	var got []realtime.Answer
	target, event := realtime.Rooms("r"), realtime.NewEvent("well?", 1)
	for answer, err := range a.client(t).SendWithAck(t.Context(), target, event, realtime.WithTimeout(time.Second)) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, answer)
	}
	if len(got) != 2 || got[0].ConnectionID != "c1" || got[0].UserID != "u1" || got[0].Missing != 0 {
		t.Fatalf("got %+v", got)
	}
	var first struct{ N int }
	var second []byte
	if err := errors.Join(got[0].Decode(0, &first), got[0].Decode(1, &second)); err != nil || first.N != 1 || string(second) != "x" {
		t.Errorf("%v, %v, %v", first, second, err)
	}
	if got[0].Decode(2, &first) == nil || got[0].Decode(1, &first) == nil {
		t.Error("what is not there was decoded")
	}
	if diff := cmp.Diff(realtime.Answer{ConnectionID: "c2", UserID: "u2", Missing: realtime.MissingTimedOut}, got[1]); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	want := &realtimev1.SendWithAckRequest{
		Target:  &realtimev1.Target{Rooms: []string{"r"}},
		Event:   &realtimev1.Event{Name: "well?", Args: []*realtimev1.Arg{jsonArg("1")}},
		Timeout: durationpb.New(time.Second),
	}
	if diff := cmp.Diff(proto.Message(want), proto.Message(a.got), protocmp.Transform()); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

func TestSendWithAckEndsWithTheError(t *testing.T) {
	refused := status.Error(codes.ResourceExhausted, "too many")
	a := &asker{messages: []*realtimev1.SendWithAckResponse{start, ack}, err: refused}
	var errs []error
	for _, err := range a.client(t).SendWithAck(t.Context(), realtime.Rooms("r"), realtime.NewEvent("e")) {
		errs = append(errs, err)
	}
	if len(errs) != 2 || errs[0] != nil || status.Code(errs[1]) != codes.ResourceExhausted {
		t.Errorf("got %v", errs)
	}
	for _, err := range a.client(t).SendWithAck(t.Context(), realtime.Rooms("r"), realtime.NewEvent("e", make(chan int))) {
		if err == nil || status.Code(err) != codes.Unknown {
			t.Errorf("a channel as argument: %v", err)
		}
	}
}

func TestSendWithAckStopsWithTheLoop(t *testing.T) {
	a := &asker{messages: []*realtimev1.SendWithAckResponse{start, ack}, stays: true}
	for range a.client(t).SendWithAck(t.Context(), realtime.Rooms("r"), realtime.NewEvent("e")) {
		break
	}
	<-a.gone
}

func TestAsk(t *testing.T) {
	ask := func(t *testing.T, a *asker) (realtime.Answer, error) {
		t.Helper()
		return a.client(t).Ask(context.Background(), "/chat", "c1", realtime.NewEvent("well?"))
	}
	a := &asker{messages: []*realtimev1.SendWithAckResponse{start, ack}}
	if answer, err := ask(t, a); err != nil || len(answer.Args) != 2 {
		t.Errorf("%+v, %v", answer, err)
	}
	if target := a.got.GetTarget(); target.GetNamespace() != "/chat" || target.GetConnectionIds()[0] != "c1" || a.got.Timeout != nil {
		t.Errorf("asked %v", a.got)
	}
	answer, err := ask(t, &asker{messages: []*realtimev1.SendWithAckResponse{start, missing}})
	if !errors.Is(err, realtime.ErrUnanswered) || answer.Missing != realtime.MissingTimedOut {
		t.Errorf("silence: %+v, %v", answer, err)
	}
	answer, err = ask(t, &asker{messages: []*realtimev1.SendWithAckResponse{start}})
	if !errors.Is(err, realtime.ErrUnanswered) || answer.Missing != realtime.MissingDisconnected {
		t.Errorf("nobody: %+v, %v", answer, err)
	}
	if _, err := ask(t, &asker{err: status.Error(codes.Unavailable, "draining")}); status.Code(err) != codes.Unavailable {
		t.Errorf("an error: %v", err)
	}
}
