package cluster

import "testing"

func TestWindowFindsWhatIsMissed(t *testing.T) {
	for name, test := range map[string]struct {
		numbers []uint64
		missed  int // once 64 more have come
	}{
		"in order":       {[]uint64{1, 2, 3}, 0},
		"overtaken":      {[]uint64{1, 3, 2, 4}, 0},
		"one lacks":      {[]uint64{1, 3}, 1},
		"many lack":      {[]uint64{1, 1002}, 1000},
		"late":           {[]uint64{7, 5, 6, 8}, 0},
		"counted anew":   {[]uint64{1000, 1, 2}, 0},
		"twice":          {[]uint64{1, 2, 2, 3}, 0},
		"just in window": {[]uint64{1, 65, 2}, 62},
	} {
		t.Run(name, func(t *testing.T) {
			w := &window{last: test.numbers[0], came: ^uint64(0)}
			missed := 0
			for _, n := range test.numbers[1:] {
				missed += w.note(n)
			}
			for range 64 {
				missed += w.note(w.last + 1)
			}
			if missed != test.missed {
				t.Errorf("%d are missed, want %d", missed, test.missed)
			}
		})
	}
}

func TestCountersBeginAnew(t *testing.T) {
	var c counters
	if a, b, x := c.next("a"), c.next("a"), c.next("x"); a != 1 || b != 2 || x != 1 {
		t.Errorf("the numbers are %d, %d and %d", a, b, x)
	}
}
