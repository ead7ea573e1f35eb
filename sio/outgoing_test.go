package sio

import (
	"sync"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
	"github.com/seed52a35d2d/realtime-server/sio/parser"
)

func TestOutgoingIsEncodedOncePerDialect(t *testing.T) {
	p, err := parser.NewEvent("/", "news", []Arg{{Binary: []byte{1}}, {JSON: []byte(`"🙂"`)}})
	if err != nil {
		t.Fatal(err)
	}
	o := newOutgoing(p, engineio.Options{})
	var frames [dialects]sync.Map
	var receivers sync.WaitGroup
	for n := range 64 {
		receivers.Go(func() {
			d := dialect(n) % dialects
			frames[d].Store(o.frame(d), true)
		})
	}
	receivers.Wait()
	for d := range dialects {
		count := 0
		frames[d].Range(func(any, any) bool { count++; return true })
		if count != 1 {
			t.Errorf("dialect %d has %d frames", d, count)
		}
		if n := testing.AllocsPerRun(100, func() { o.frame(d) }); n > 0 {
			t.Errorf("dialect %d costs %v allocations for each receiver", d, n)
		}
	}
	if o.frame(inJSON) == o.frame(inMsgpack) {
		t.Error("two dialects share a frame")
	}
}
