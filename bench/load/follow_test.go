package load

import "testing"

func TestNumbered(t *testing.T) {
	for _, test := range []struct {
		packet string
		number numbered
		want   int // -1 if there is none
	}{
		{`2["n",0]`, eventNumber, 0},
		{`2["n",17,"x,]"]`, eventNumber, 17},
		{`2["n","17"]`, eventNumber, -1},
		{`2["m",17]`, eventNumber, -1},
		{`30[0]`, ackNumber, 0},
		{`317[17]`, ackNumber, 17},
		{`317[18]`, ackNumber, -1},
		{`317["17"]`, ackNumber, -1},
		{`3[17]`, ackNumber, -1},
		{`217[17]`, ackNumber, -1},
	} {
		got, ok := test.number([]byte(test.packet))
		if !ok {
			got = -1
		}
		if got != test.want {
			t.Errorf("%s: %d, want %d", test.packet, got, test.want)
		}
	}
}
