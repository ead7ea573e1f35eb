package load

import (
	"slices"
	"testing"
	"time"
)

func TestPercentiles(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[i] = time.Duration(100 - i)
	}
	for _, test := range []struct {
		all  []time.Duration
		want []time.Duration // p0, p50, p99, p100
	}{
		{nil, []time.Duration{0, 0, 0, 0}},
		{[]time.Duration{7}, []time.Duration{7, 7, 7, 7}},
		{[]time.Duration{9, 1, 5}, []time.Duration{1, 5, 9, 9}},
		{hundred, []time.Duration{1, 50, 99, 100}},
	} {
		if got := percentiles(test.all, 0, 50, 99, 100); !slices.Equal(got, test.want) {
			t.Errorf("%v: %v, want %v", test.all, got, test.want)
		}
	}
}
