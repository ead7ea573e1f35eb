package timeout

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

type thing struct {
	entry Entry[*thing]
	name  string
}

func TestListExpiresInOrderAndOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var got []string
		list := New(10*time.Second, func(x *thing) { got = append(got, x.name+" "+time.Since(start).String()) })
		a, b, c, d := &thing{name: "a"}, &thing{name: "b"}, &thing{name: "c"}, &thing{name: "d"}
		list.Set(&a.entry, a)
		list.Set(&b.entry, b)
		time.Sleep(3 * time.Second)
		list.Set(&c.entry, c)
		list.Set(&d.entry, d)
		list.Set(&a.entry, a) // anew
		list.Cancel(&c.entry)
		list.Cancel(&c.entry)
		time.Sleep(time.Minute)
		synctest.Wait()
		want := []string{"b 10s", "d 13s", "a 13s"}
		if !slices.Equal(got, want) {
			t.Errorf("expired %q, want %q", got, want)
		}
		list.Set(&b.entry, b)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(got) != 4 || got[3] != "b 1m13s" {
			t.Errorf("an expired entry set again: %q", got)
		}
		list.Stop()
	})
}

func TestListStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := New(time.Second, func(x *thing) { t.Errorf("%s expired after Stop", x.name) })
		a, b := &thing{name: "a"}, &thing{name: "b"}
		list.Set(&a.entry, a)
		list.Stop()
		list.Set(&b.entry, b)
		time.Sleep(time.Minute)
		synctest.Wait()
	})
}
