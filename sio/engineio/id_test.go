package engineio

import "testing"

func TestIDs(t *testing.T) {
	for _, tag := range []string{"", "n0-_"} {
		a, b := newID(tag), newID(tag)
		if a == b || len(a) != IDSize || len(b) != IDSize {
			t.Errorf("two ids are %q and %q", a, b)
		}
		if tag != "" && (TagOf(a) != tag || TagOf("/chat#"+b) != tag) {
			t.Errorf("the tags of %q and %q are not %q", a, b, tag)
		}
	}
	if got := newID("too long a tag"); len(got) != IDSize {
		t.Errorf("an id is %q", got)
	}
	for _, text := range []string{"", "short", "nineteen characters"} {
		if got := TagOf(text); got != "" {
			t.Errorf("%q has the tag %q", text, got)
		}
	}
}
