package attach

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestHello(t *testing.T) {
	many := slices.Repeat([]string{"x"}, maxPatterns+1)
	for name, test := range map[string]struct {
		hello  *realtimev1.AttachHello
		code   codes.Code
		reason string
		fields []string
	}{
		"no group":      {&realtimev1.AttachHello{}, codes.InvalidArgument, "INVALID_REQUEST", []string{"hello.group"}},
		"unknown group": {&realtimev1.AttachHello{Group: "none"}, codes.NotFound, "GROUP_NOT_FOUND", nil},
		"everything": {
			&realtimev1.AttachHello{
				Group: groupName, Worker: strings.Repeat("x", maxName+1), Credits: -1,
				Namespaces: many, Events: []string{"", strings.Repeat("x", maxPattern+1)},
			},
			codes.InvalidArgument, "INVALID_REQUEST",
			[]string{"hello.credits", "hello.events[0]", "hello.events[1]", "hello.namespaces", "hello.worker"},
		},
		"too many credits": {
			&realtimev1.AttachHello{Group: groupName, Credits: maxCredits + 1}, codes.InvalidArgument, "INVALID_REQUEST", []string{"hello.credits"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := want(t, newWorld(t).open(t, test.hello).ended)
			wantCode(t, err, test.code)
			if reason(err) != test.reason {
				t.Errorf("the reason is %q", reason(err))
			}
			if got := fieldsOf(err); !slices.Equal(got, test.fields) {
				t.Errorf("the fields are %q, want %q", got, test.fields)
			}
		})
	}
}

func fieldsOf(err error) []string {
	var all []string
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				all = append(all, v.GetField())
			}
		}
	}
	slices.Sort(all)
	return all
}

// TestViolations: whoever breaks a rule of the stream is told which, and nothing
// else suffers.
func TestViolations(t *testing.T) {
	result := func(id uint64) *realtimev1.AttachRequest {
		return &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Result{Result: &realtimev1.AttachResult{Id: id}}}
	}
	hello := &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: &realtimev1.AttachHello{Group: groupName, Credits: 1}}}
	flood := func(m *realtimev1.AttachRequest) []*realtimev1.AttachRequest {
		return slices.Concat([]*realtimev1.AttachRequest{hello}, slices.Repeat([]*realtimev1.AttachRequest{m}, maxUnasked+1))
	}
	credits := func(n int32) *realtimev1.AttachRequest {
		return &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Credits{Credits: &realtimev1.AttachCredits{Credits: n}}}
	}
	pong := &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Pong{Pong: &realtimev1.AttachPong{}}}
	for name, says := range map[string][]*realtimev1.AttachRequest{
		"no hello":             {result(1)},
		"nothing at first":     {{}},
		"hello twice":          {hello, hello},
		"negative credits":     {hello, credits(-1)},
		"too many credits":     {hello, credits(maxCredits + 1)},
		"results of unknown":   flood(result(4711)),
		"pongs without a ping": flood(pong),
		"credits all the time": flood(credits(1)),
		"nothing all the time": flood(&realtimev1.AttachRequest{}),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			good := w.attach(t, 1)
			bad := w.open(t, nil)
			for _, m := range says {
				bad.say(m)
			}
			err := want(t, bad.ended)
			wantCode(t, err, codes.InvalidArgument)
			if reason(err) != "ATTACH_VIOLATION" {
				t.Errorf("the reason is %q", reason(err))
			}
			done := w.event(within(t, patience), "x")
			good.answer(good.next())
			if got := want(t, done); got.err != nil {
				t.Error(got.err)
			}
		})
	}
}

// TestNoHello: a stream does not stay open without its first message.
func TestNoHello(t *testing.T) {
	w := newWorld(t, quick)
	if err := want(t, w.open(t, nil).ended); reason(err) != "ATTACH_VIOLATION" {
		t.Errorf("silence: %v", err)
	}
	r := w.open(t, nil)
	if err := r.stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if err := want(t, r.ended); reason(err) != "ATTACH_VIOLATION" {
		t.Errorf("an end: %v", err)
	}
}

// TestAnsweredTwice: the second answer of a call, and one of a call that the worker
// never had, change nothing.
func TestAnsweredTwice(t *testing.T) {
	w := newWorld(t)
	r := w.attach(t, 2)
	ctx := within(t, patience)
	first := w.event(ctx, "x")
	call := r.next()
	r.answer(call)
	r.answer(call)
	r.result(&realtimev1.AttachResult{Id: 4711})
	second := w.event(ctx, "x")
	r.answer(r.next())
	for _, done := range []<-chan reply[*realtimev1.OnEventResponse]{first, second} {
		if got := want(t, done); got.err != nil {
			t.Error(got.err)
		}
	}
	if n := w.metric(t, "results_ignored_total", "unknown"); n != 2 {
		t.Errorf("%v are counted", n)
	}
}

func TestTooManyWorkers(t *testing.T) {
	w := newWorld(t)
	g := w.hub.groups[groupName]
	for range maxWorkers - 1 { // streams cost time
		if err := g.add(newWorker(g, &realtimev1.AttachHello{})); err != nil {
			t.Fatal(err)
		}
	}
	w.attach(t, 1)
	err := want(t, w.open(t, &realtimev1.AttachHello{Group: groupName, Credits: 1}).ended)
	wantCode(t, err, codes.ResourceExhausted)
	if reason(err) != "TOO_MANY_WORKERS" {
		t.Errorf("the reason is %q", reason(err))
	}
	if err := want(t, w.open(t, &realtimev1.AttachHello{Group: "other"}).welcome); err == nil {
		t.Error("another group is full as well")
	}
}
