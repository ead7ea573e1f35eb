package bridge

import "testing"

func TestFindRequest(t *testing.T) {
	s := &requests{uid: "rt:ABC", waiting: map[uint64]*request{}}
	s.begin()
	r := s.begin()
	for answer, want := range map[string]struct{ found, ours bool }{
		`{"requestId":"rt:ABC-2","sockets":[]}`:       {true, true},
		"\x83\xa9requestId\xa8rt:ABC-2\xa1x\x80":      {true, true},
		`{"requestId":"rt:ABC-3"}`:                    {false, true},
		`{"requestId":"rt:ABC-"}`:                     {false, false},
		`{"requestId":"rt:ABCD-2"}`:                   {false, false},
		`{"requestId":"x"}`:                           {false, false},
		`{"requestId":"rt:ABC-99999999999999999999"}`: {false, false},
		``: {false, false},
	} {
		found, ours := s.find([]byte(answer))
		if ours != want.ours || (found == r) != want.found {
			t.Errorf("%q: found %t, ours %t", answer, found == r, ours)
		}
	}
	s.end(r)
	if found, ours := s.find([]byte(r.id)); found != nil || !ours {
		t.Errorf("found %v after its end", found)
	}
}

// TestAnswersAreBounded: what does not fit is refused, and fits once the rest is
// taken.
func TestAnswersAreBounded(t *testing.T) {
	r := (&requests{waiting: map[uint64]*request{}}).begin()
	half := make([]byte, maxAnswers/2)
	for range 2 {
		if !r.put(half) {
			t.Error("there is room")
		}
	}
	if r.put([]byte{1}) {
		t.Error("the bound does not hold")
	}
	if n := len(r.take()); n != 2 || !r.put(half) {
		t.Errorf("%d were there to take", n)
	}
}

func TestQueueIsBounded(t *testing.T) {
	q := newQueue(newMetrics(nil))
	if !q.reserve(maxWaitingBytes) || q.reserve(1) {
		t.Error("the bound does not hold")
	}
	q.free(1)
	if !q.reserve(1) {
		t.Error("there is room")
	}
}
