package load

import "testing"

func TestStream(t *testing.T) {
	for _, test := range []struct {
		numbers []int
		want    Counts
	}{
		{[]int{0, 1, 2, 3}, Counts{Sent: 4}},
		{[]int{0, 1, 3}, Counts{Sent: 4, Lost: 1}},
		{[]int{0, 2, 1, 3}, Counts{Sent: 4, Reordered: 1}},
		{[]int{3, 0, 1, 2}, Counts{Sent: 4, Reordered: 3}},
		{[]int{0, 1, 1, 2, 0}, Counts{Sent: 4, Lost: 1, Repeated: 2}},
		{nil, Counts{Sent: 4, Lost: 4}},
	} {
		s := newStream(4)
		for _, number := range test.numbers {
			if err := s.take(number); err != nil {
				t.Errorf("%v: %v", test.numbers, err)
			}
		}
		if got := s.counts(); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.numbers, got, test.want)
		}
	}
	if s := newStream(4); s.take(4) == nil || s.take(-1) == nil {
		t.Error("a number that was never sent is taken")
	}
}
