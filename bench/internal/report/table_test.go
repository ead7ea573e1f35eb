package report

import "testing"

func TestTable(t *testing.T) {
	r := Results{Subjects: []string{"ours", "peer", "floor"}, Rows: []*Row{{Name: "connect", Unit: "µs"}, {Name: "rate", Unit: "1/s", More: true}}}
	for _, v := range []float64{30, 10, 20} {
		r.Rows[0].Add("ours", Value{Number: v})
		r.Rows[0].Add("floor", Value{Number: 2 * v})
		r.Rows[0].Add("peer", Value{Number: 1, Lost: 500, Sent: 1000})
		r.Rows[1].Add("ours", Value{Number: 1000 * v})
		r.Rows[1].Add("peer", Value{Failure: "has ended"})
	}
	const want = `| what | unit | ours | peer | floor |
|---|---|---|---|---|
| connect | µs | 20.0 (0.50 ×) | 1.00 (0.03 ×) <sup>1</sup> | 40.0 |
| rate | 1/s | 20000 | – <sup>2</sup> | – |

1. peer lost 50.0 % of 3,000.
2. peer has ended.
`
	if got := r.Table(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{0: "0.00", 0.126: "0.13", 9.994: "9.99", 12.34: "12.3", 123.4: "123", 98765.4: "98765"} {
		if got := number(value); got != want {
			t.Errorf("%v: %s, want %s", value, got, want)
		}
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []Value
		want   float64
		ok     bool
	}{
		{nil, 0, false},
		{[]Value{{Failure: "no"}}, 0, false},
		{[]Value{{Number: 3}}, 3, true},
		{[]Value{{Number: 9}, {Number: 1}, {Number: 3}}, 3, true},
		{[]Value{{Number: 9}, {Failure: "no"}, {Number: 3}}, 6, true},
	} {
		row := Row{Values: map[string][]Value{"s": test.values}}
		if got, ok := row.Median("s"); got != test.want || ok != test.ok {
			t.Errorf("%v: %v, %v, want %v, %v", test.values, got, ok, test.want, test.ok)
		}
	}
}
