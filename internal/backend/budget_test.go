package backend

import (
	"testing"
	"time"
)

func TestBudget(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBudget(now)
	takeAll := func() (taken int) {
		for b.take(now) {
			taken++
		}
		return taken
	}
	if n := takeAll(); n != budgetReserve {
		t.Errorf("the reserve is %d", n)
	}
	for range 35 {
		b.called()
	}
	if n := takeAll(); n != 3 {
		t.Errorf("35 calls pay for %d", n)
	}
	now = now.Add(2500 * time.Millisecond)
	if n := takeAll(); n != 3 { // with what the calls have left
		t.Errorf("2.5 s pay for %d", n)
	}
	now = now.Add(time.Hour)
	for range 1000 {
		b.called()
	}
	if n := takeAll(); n != budgetReserve {
		t.Errorf("an hour and 1,000 calls leave %d", n)
	}
}
