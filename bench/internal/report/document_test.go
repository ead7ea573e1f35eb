package report

import "testing"

func TestRenew(t *testing.T) {
	for _, test := range []struct{ document, want string }{
		{"a\n" + begin + "old\n" + finish + "b\n", "a\n" + begin + "\nnew\n\n" + finish + "b\n"},
		{begin + finish, begin + "\nnew\n\n" + finish},
		{"a\n", ""},
		{begin, ""},
		{finish + begin, ""},
	} {
		got, err := Renew(test.document, "new\n")
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v, want %q", test.document, got, err, test.want)
		}
	}
}
