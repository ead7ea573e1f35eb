package service_test

import (
	"context"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

func TestSendReachesItsTargetOnce(t *testing.T) {
	w := newWorld(t, dev(t))
	ada, adaID := join(t, w.door, "")
	bob, bobID := join(t, w.door, "")
	ada.ask(`"join",{"rooms":["news","sport"]}`)

	for _, event := range []string{"first", "second"} {
		resp, err := w.api.Send(t.Context(), &realtimev1.SendRequest{
			Target: &realtimev1.Target{
				Rooms: []string{"news", "sport"}, ConnectionIds: []string{adaID, bobID},
				ExceptConnectionIds: []string{bobID},
			},
			Event: &realtimev1.Event{Name: event, Args: []*realtimev1.Arg{jsonArg(`{"b":9007199254740993, "a":0}`)}},
		})
		if err != nil {
			t.Fatal(err)
		}
		report := resp.GetReport()
		if resp.GetMessageId() == "" || report.GetMatched() != 1 || report.GetNodes() != 1 ||
			report.GetLevel() != realtimev1.ReportLevel_REPORT_LEVEL_ROUTED {
			t.Errorf("response %v", resp)
		}
	}
	ada.want(`42["first",{"b":9007199254740993, "a":0}]`)
	ada.want(`42["second",`)

	if _, err := w.api.Broadcast(t.Context(), &realtimev1.BroadcastRequest{
		Event: &realtimev1.Event{Name: "all"}, ExceptRooms: []string{"news"},
	}); err != nil {
		t.Fatal(err)
	}
	bob.want(`42["all"]`)
}

func TestValuesAndBytesArrive(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	value := func(v *structpb.Value) *realtimev1.Arg {
		return &realtimev1.Arg{Kind: &realtimev1.Arg_Value{Value: v}}
	}
	if _, err := w.api.Send(t.Context(), &realtimev1.SendRequest{Target: to(id), Event: &realtimev1.Event{
		Name: "falsy",
		Args: []*realtimev1.Arg{
			value(structpb.NewNullValue()), value(structpb.NewBoolValue(false)), value(structpb.NewNumberValue(0)),
			value(structpb.NewStringValue("")),
		},
	}}); err != nil {
		t.Fatal(err)
	}
	b.want(`42["falsy",null,false,0,""]`)

	if _, err := w.api.Send(t.Context(), &realtimev1.SendRequest{Target: to(id), Event: &realtimev1.Event{
		Name: "bytes",
		Args: []*realtimev1.Arg{
			{Kind: &realtimev1.Arg_Binary{Binary: []byte("A")}},
			{
				Kind:        &realtimev1.Arg_Json{Json: `{"x":{"_placeholder":true,"num":0}}`},
				Attachments: [][]byte{[]byte("B")},
			},
		},
	}}); err != nil {
		t.Fatal(err)
	}
	b.want(`452-["bytes",{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}]`)
	b.want("A")
	b.want("B")
}

func TestReportLevels(t *testing.T) {
	w := newWorld(t, dev(t))
	b, id := join(t, w.door, "")
	send := func(ctx context.Context, level realtimev1.ReportLevel) *realtimev1.DeliveryReport {
		t.Helper()
		resp, err := w.api.Send(ctx, &realtimev1.SendRequest{
			Target: to(id), ReportLevel: level,
			Event: &realtimev1.Event{Name: "e", ExpiresAfter: durationpb.New(time.Hour)},
		})
		if err != nil {
			t.Fatal(err)
		}
		return resp.GetReport()
	}
	if r := send(t.Context(), realtimev1.ReportLevel_REPORT_LEVEL_NONE); r.GetMatched() != 0 {
		t.Errorf("none: %v", r)
	}
	b.want(`42["e"]`)

	// Nobody reads the pipe, so the copy cannot be written before half of the
	// call's time is over.
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if r := send(ctx, realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN); r.GetMatched() != 1 || r.GetPending() != 1 {
		t.Errorf("stuck: %v", r)
	}
	b.want(`42["e"]`)

	heard := make(chan struct{})
	go func() {
		defer close(heard)
		b.want(`42["e"]`)
	}()
	if r := send(t.Context(), realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN); r.GetWritten() != 1 || r.GetPending() != 0 {
		t.Errorf("written: %v", r)
	}
	<-heard
}

func TestNobodyIsNoError(t *testing.T) {
	w := newWorld(t, dev(t))
	resp, err := w.api.Send(t.Context(), &realtimev1.SendRequest{
		Target: inRoom("empty"), Event: &realtimev1.Event{Name: "e"},
		ReportLevel: realtimev1.ReportLevel_REPORT_LEVEL_WRITTEN,
	})
	if err != nil || resp.GetReport().GetMatched() != 0 {
		t.Errorf("%v, %v", resp, err)
	}
}
