package report

import "testing"

func TestRenew(t *testing.T) {
	begin, finish := marks("make bench")
	otherBegin, otherFinish := marks("make bench-cluster")
	other := otherBegin + "theirs\n" + otherFinish
	for _, test := range []struct{ document, want string }{
		{"a\n" + begin + "old\n" + finish + "b\n", "a\n" + begin + "\nnew\n\n" + finish + "b\n"},
		{other + begin + finish, other + begin + "\nnew\n\n" + finish},
		{other, ""},
		{begin + finish, begin + "\nnew\n\n" + finish},
		{"a\n", ""},
		{begin, ""},
		{finish + begin, ""},
	} {
		got, err := Renew(test.document, "make bench", "new\n")
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q: %q, %v, want %q", test.document, got, err, test.want)
		}
		if shown, _ := Shown(got, "make bench"); got != "" && shown != "new\n" {
			t.Errorf("%q shows %q", got, shown)
		}
	}
}
