package service_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

type ackStream = grpc.ServerStreamingClient[realtimev1.SendWithAckResponse]

// ask begins a call whose first message says so many matched.
func ask(t *testing.T, w *world, req *realtimev1.SendWithAckRequest) (stream ackStream, matched int64) {
	t.Helper()
	stream, err := w.api.SendWithAck(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	first := next(t, stream)
	if first.GetStart().GetMessageId() == "" {
		t.Fatalf("begins with %v", first)
	}
	return stream, first.GetStart().GetMatched()
}

func next(t *testing.T, stream ackStream) *realtimev1.SendWithAckResponse {
	t.Helper()
	message, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	return message
}

// collect makes a call and returns what its stream brings.
func collect(ctx context.Context, w *world, req *realtimev1.SendWithAckRequest) ([]*realtimev1.SendWithAckResponse, error) {
	stream, err := w.api.SendWithAck(ctx, req)
	if err != nil {
		return nil, err
	}
	var all []*realtimev1.SendWithAckResponse
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, message)
	}
}

// wantAcks reads the rest of a stream.
func wantAcks(t *testing.T, stream ackStream, want ...*realtimev1.SendWithAckResponse) {
	t.Helper()
	for _, message := range want {
		if diff := cmp.Diff(message, next(t, stream), protocmp.Transform()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if message, err := stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("goes on with %v, %v", message, err)
	}
}

func answered(id, user string, args ...*realtimev1.Arg) *realtimev1.SendWithAckResponse {
	return &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Ack{
		Ack: &realtimev1.Ack{ConnectionId: id, UserId: user, Args: args},
	}}
}

func unanswered(id string, why realtimev1.MissingAckReason) *realtimev1.SendWithAckResponse {
	return &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Missing{
		Missing: &realtimev1.MissingAck{ConnectionId: id, Reason: why},
	}}
}

func TestSendWithAckTellsWhatBecomesOfEveryConnection(t *testing.T) {
	w := newWorld(t, dev(t))
	browsers, ids := make([]*browser, 3), make([]string, 3)
	for i := range browsers {
		browsers[i], ids[i] = join(t, w.door, "")
	}
	stream, matched := ask(t, w, &realtimev1.SendWithAckRequest{
		Target: to(ids...),
		Event:  &realtimev1.Event{Name: "well?", Args: []*realtimev1.Arg{jsonArg(`{"n":1}`)}},
	})
	if matched != int64(len(ids)) {
		t.Errorf("%d were asked", matched)
	}
	for _, b := range browsers {
		b.want(`421["well?",{"n":1}]`)
	}
	browsers[0].send(`431["yes",9007199254740993]`)
	if diff := cmp.Diff(answered(ids[0], "", jsonArg(`"yes"`), jsonArg("9007199254740993")), next(t, stream), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	browsers[0].send(`431["twice"]`)
	browsers[1].send(`462-1[{"_placeholder":true,"num":1},{"x":{"_placeholder":true,"num":0}}]`)
	browsers[1].sendBytes("A")
	browsers[1].sendBytes("B")
	nested := jsonArg(`{"x":{"_placeholder":true,"num":0}}`)
	nested.Attachments = [][]byte{[]byte("A")}
	bytes := &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: []byte("B")}}
	if diff := cmp.Diff(answered(ids[1], "", bytes, nested), next(t, stream), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	browsers[2].send("41")
	wantAcks(t, stream, unanswered(ids[2], realtimev1.MissingAckReason_MISSING_ACK_REASON_DISCONNECTED))

	stream, _ = ask(t, w, &realtimev1.SendWithAckRequest{
		Target: to(ids[0]), Event: &realtimev1.Event{Name: "e"}, Timeout: durationpb.New(10 * time.Millisecond),
	})
	browsers[0].want("422")
	wantAcks(t, stream, unanswered(ids[0], realtimev1.MissingAckReason_MISSING_ACK_REASON_TIMED_OUT))
	browsers[0].send(`432["late"]`)
	browsers[0].ask(`"echo"`) // comes after it
	if n := w.counter(t, "realtime_acks_ignored_total"); n != 2 {
		t.Errorf("%v acknowledgements were ignored", n)
	}
	for outcome, want := range map[string]float64{"answered": 2, "disconnected": 1, "timed out": 1} {
		if n := w.counter(t, "realtime_acks_total", outcome); n != want {
			t.Errorf("%v %s, want %v", n, outcome, want)
		}
	}
}

func TestSendWithAckToNobody(t *testing.T) {
	w := newWorld(t, dev(t))
	stream, matched := ask(t, w, &realtimev1.SendWithAckRequest{Target: inRoom("empty"), Event: &realtimev1.Event{Name: "e"}})
	if matched != 0 {
		t.Errorf("%d matched", matched)
	}
	wantAcks(t, stream)
}

func TestSendWithAckEndsBeforeTheCall(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	all, err := collect(ctx, w, &realtimev1.SendWithAckRequest{Target: to(id), Event: &realtimev1.Event{Name: "e"}})
	if err != nil || len(all) != 2 || all[1].GetMissing().GetReason() != realtimev1.MissingAckReason_MISSING_ACK_REASON_TIMED_OUT {
		t.Errorf("%v, %v", all, err)
	}
	b.want("42")
}

func TestSendWithAckIsGivenUp(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := w.api.SendWithAck(ctx, &realtimev1.SendWithAckRequest{Target: to(id), Event: &realtimev1.Event{Name: "e"}})
	if err != nil {
		t.Fatal(err)
	}
	next(t, stream)
	b.want("421")
	cancel()
	if _, err := stream.Recv(); status.Code(err) != codes.Canceled {
		t.Errorf("got %v", err)
	}
	for deadline := time.Now().Add(patience); w.counter(t, "realtime_acks_total", "given up") != 1; {
		if time.Now().After(deadline) {
			t.Fatal("the acknowledgement is still waited for")
		}
		b.ask(`"echo"`) // takes a little while
	}
	b.send(`431[]`)
	b.ask(`"echo"`)
	if n := w.counter(t, "realtime_acks_ignored_total"); n != 1 {
		t.Errorf("%v acknowledgements were ignored", n)
	}
}

// TestSendWithAckTooLarge: an answer that the caller's gRPC would refuse is
// told as one without room.
func TestSendWithAckTooLarge(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	stream, _ := ask(t, w, &realtimev1.SendWithAckRequest{Target: to(id), Event: &realtimev1.Event{Name: "e"}})
	b.want("421")
	const pieces = 5
	b.send(`465-1[]`)
	for range pieces {
		b.sendBytes(strings.Repeat("x", 900_000))
	}
	wantAcks(t, stream, unanswered(id, realtimev1.MissingAckReason_MISSING_ACK_REASON_OVERFLOW))
}
