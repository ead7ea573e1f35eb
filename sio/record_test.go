package sio

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

// someRecords are one of each kind.
func someRecords() []*record {
	return []*record{
		{namespace: "/", gap: true},
		{
			namespace: "/chat", plain: true, tracked: true, expires: time.UnixMilli(1_790_000_000_000),
			target: Target{Everyone: true, ExceptRooms: []string{"a", "\xff"}, ExceptIDs: []string{"x"}},
			packet: &parser.Packet{Type: parser.Event, Namespace: "/chat", Data: []byte(`["news", {"n":1.50}]`)},
		},
		{
			namespace: "/", target: Target{Rooms: []string{""}, Users: []string{"u", "v"}},
			packet: &parser.Packet{
				Type: parser.Event, Namespace: "/", Data: []byte(`["b",{"_placeholder":true,"num":0}]`), Attachments: [][]byte{{0, 1}, {}},
			},
		},
	}
}

func TestRecordThereAndBack(t *testing.T) {
	for _, want := range someRecords() {
		got, err := decodeRecord(want.encode())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(record{})); diff != "" {
			t.Error(diff)
		}
	}
}

func TestTicketThereAndBack(t *testing.T) {
	want := &ticket{&absentee{
		pid: "p", id: "i", user: "u", since: 1, last: 2, away: 3, ongoing: true,
		stays:  stays{all: []stay{{"r", 1, forever}, {"s", 1, 2}}, past: 1, floor: 1},
		memory: []byte("m"),
	}, "/chat"}
	got, err := decodeTicket("p", want.encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(ticket{}, absentee{}, stays{}, stay{})); diff != "" {
		t.Error(diff)
	}
}

// FuzzJournal reads what stands in a journal: whatever that is, it is read as
// it was written, or not understood.
func FuzzJournal(f *testing.F) {
	for _, r := range someRecords() {
		f.Add(r.encode())
	}
	f.Add((&ticket{&absentee{stays: stays{all: []stay{{"r", 1, forever}}}}, "/"}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := decodeRecord(data); err == nil {
			if r.gap || r.recorded(1).size > 0 { // it can be sent
				if _, err := decodeRecord(r.encode()); err != nil {
					t.Errorf("%q is not understood again", data)
				}
			}
		}
		if k, err := decodeTicket("p", data); err == nil {
			if _, err := decodeTicket("p", k.encode()); err != nil {
				t.Errorf("%q is not understood again", data)
			}
		}
	})
}
