package registry

import (
	"maps"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever connections do and Redis refuses, in the end Redis has what there is.
func TestLedgerModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.SampledFrom([]int{100, 300, 1 << 20}).Draw(t, "limit")
		l := newLedger(limit)
		have, redis := map[string]string{}, map[string]string{}
		sure := map[string]bool{} // that redis has it
		note := func(changes []change, works bool) {
			for _, c := range changes {
				if _, ok := have[c.record.ID]; ok && works && !c.remove {
					sure[c.record.ID] = true
				}
			}
		}
		id := rapid.SampledFrom([]string{"a", "b", "c", "d", "e", "f"})
		// write is a batch under way, during which other things happen.
		write := func(changes []change, works bool) {
			if !works {
				return
			}
			for _, c := range changes {
				if c.remove {
					delete(redis, c.record.ID)
				} else {
					redis[c.record.ID] = string(c.record.Value)
				}
			}
		}
		stir := func() {
			switch key := id.Draw(t, "id"); rapid.IntRange(0, 2).Draw(t, "act") {
			case 0:
				value := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "value")
				have[key] = value
				l.put(Record{ID: key, Value: []byte(value)})
			case 1:
				delete(have, key)
				delete(sure, key)
				l.remove(key, nil)
			}
			if _, pending := l.counts(); pending > limit {
				t.Fatalf("%d bytes wait", pending)
			}
		}
		// round is what the writer does once.
		round := func(works bool) {
			if ids, ok := l.startComparing(); ok {
				stir()
				stored := make([]string, 0, len(redis))
				for key := range redis {
					stored = append(stored, key)
				}
				write(l.strangers(stored), works)
				stir()
				changes := l.takeIDs(ids)
				stir()
				write(changes, works)
				l.done(changes, works)
				note(changes, works)
				l.doneComparing(!works)
			}
			changes := l.take(rapid.IntRange(1, 4).Draw(t, "most"), 100)
			if changes == nil {
				return
			}
			stir()
			write(changes, works || rapid.Bool().Draw(t, "lost answer"))
			l.done(changes, works)
			note(changes, works)
		}
		t.Repeat(map[string]func(*rapid.T){
			"stir":  func(*rapid.T) { stir() },
			"write": func(*rapid.T) { round(true) },
			"fail":  func(*rapid.T) { round(false) },
			"lose": func(*rapid.T) {
				clear(redis)
				clear(sure)
				l.compareAll()
			},
			// Another node tells of what redis has, and a new generation begins.
			"surrender": func(*rapid.T) {
				count := l.surrender()
				for key := range have {
					told := l.told(key)
					if _, stored := redis[key]; told && !stored || !told && sure[key] {
						t.Fatalf("told of %s: %v, redis has %v, for sure %v", key, told, redis, sure)
					}
					if told {
						count--
						delete(have, key)
					}
					if l.told(key) {
						t.Fatalf("told twice of %s", key)
					}
				}
				if count != 0 {
					t.Fatalf("%d of those who were surrendered are unknown", count)
				}
				clear(redis)
				clear(sure)
				l.compareAll()
			},
		})
		quiet := l.wait()
		for range 100 {
			if ids, ok := l.startComparing(); ok {
				stored := make([]string, 0, len(redis))
				for key := range redis {
					stored = append(stored, key)
				}
				write(l.strangers(stored), true)
				changes := l.takeIDs(ids)
				write(changes, true)
				l.done(changes, true)
				l.doneComparing(false)
			}
			changes := l.take(10, 1000)
			if changes == nil {
				break
			}
			write(changes, true)
			l.done(changes, true)
		}
		select {
		case <-quiet:
		default:
			t.Fatal("something waits still")
		}
		if !maps.Equal(have, redis) {
			t.Fatalf("redis has %v, want %v", redis, have)
		}
		if entries, pending := l.counts(); entries != len(have) || pending != 0 {
			t.Fatalf("counts are %d, %d", entries, pending)
		}
	})
}

func TestRecordsSurvive(t *testing.T) {
	for _, r := range []Record{
		{ID: "x"},
		{ID: "x", Namespace: "/", User: "ann", Value: []byte("v")},
		{ID: "x", Namespace: "/a 1", User: "3 4 \x00\xff", Value: []byte{0, ' ', 0xff}},
	} {
		got, ok := decodeRecord(r.ID, r.encode())
		if !ok || got.ID != r.ID || got.Namespace != r.Namespace || got.User != r.User || string(got.Value) != string(r.Value) {
			t.Errorf("%+v became %+v, %v", r, got, ok)
		}
	}
}

// What stands in Redis may come from another version, or from anybody.
func FuzzDecodeRecord(f *testing.F) {
	f.Add("1 3 /annv")
	f.Add("1 99999999999999999999 /")
	f.Add("-1 1 x")
	f.Fuzz(func(t *testing.T, s string) {
		r, ok := decodeRecord("x", s)
		if !ok {
			return
		}
		again, ok := decodeRecord("x", r.encode())
		if !ok || again.Namespace != r.Namespace || again.User != r.User || string(again.Value) != string(r.Value) {
			t.Errorf("%q became %+v and then %+v", s, r, again)
		}
	})
}

func FuzzParseView(f *testing.F) {
	f.Add("1000", "l:a/1\x01900 500\x01i:a/1\x01{\"tag\":\"abcd\"}\x01c:a/1\x01b/2\x01@:b\x012 x 7\x01calm\x0112")
	f.Add("x", "l:\x01\x01l:/\x010\x01@:\x01 ")
	f.Fuzz(func(t *testing.T, now, fields string) {
		var list []any
		for s := range strings.SplitSeq(fields, "\x01") {
			list = append(list, s)
		}
		v := parseView([]any{now, list})
		for _, n := range v.all() {
			if n.Renewed < 0 || v.next <= 0 {
				t.Errorf("%+v", v)
			}
		}
		v.with(v).all()
		v.sweepable(0, 1)
	})
}

func TestConfigFaults(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("defaults: %v", err)
	}
	err := Config{Prefix: "{x}", Lease: 1, Linger: -1}.Validate()
	for _, key := range []string{"prefix", "lease", "tag_rest", "linger", "max_pending", "page"} {
		if !strings.Contains(err.Error(), key+":") {
			t.Errorf("%v says nothing of %s", err, key)
		}
	}
	cfg := DefaultConfig()
	cfg.Retention = 9 * cfg.Lease
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "retention:") {
		t.Errorf("short retention: %v", err)
	}
	for _, id := range []string{"", "a b", "a\n", strings.Repeat("x", 201)} {
		if checkID(id) == nil {
			t.Errorf("takes the id %q", id)
		}
	}
	if err := checkID("pod-1.eu/a:7"); err != nil {
		t.Error(err)
	}
}

// TestLedgerOfTwoWithOneID: who comes back before the end of the former one was
// told stays in the ledger.
func TestLedgerOfTwoWithOneID(t *testing.T) {
	l := newLedger(1 << 20)
	l.put(Record{ID: "x", Of: 1})
	l.put(Record{ID: "x", Of: 2})
	if got := l.remove("x", 1); got != noChange {
		t.Errorf("the end of the former one is %d, want no change", got)
	}
	if entries, _ := l.counts(); entries != 1 {
		t.Fatalf("%d entries, want that of the second", entries)
	}
	l.remove("x", 2)
	if entries, _ := l.counts(); entries != 0 {
		t.Errorf("%d entries are left", entries)
	}
}

// TestLedgerBeforeAComparison: what changes before everything is compared anyhow
// is not deferred for want of room.
func TestLedgerBeforeAComparison(t *testing.T) {
	l := newLedger(1 << 10)
	l.compareAll()
	if got := l.put(Record{ID: "x"}); got != noteTaken {
		t.Errorf("before a comparison a change is %d, want taken", got)
	}
	l.full = false // it is being compared
	last := noteTaken
	for n := range 100 {
		last = l.put(Record{ID: strings.Repeat("y", n)})
	}
	if last != noteDeferred {
		t.Errorf("without room a change is %d, want deferred", last)
	}
}
