package adapter

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestInterest: groups are told of with their first and their last member, and
// not in between.
func TestInterest(t *testing.T) {
	interest := NewInterest()
	x := NewIndex[string](10).Tell(interest, "/chat")
	want := func(when string, want ...Group) {
		t.Helper()
		got := interest.Take()
		slices.SortFunc(got, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
		if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
			t.Errorf("%s: %s", when, diff)
		}
	}
	everyone, room, other, ada := Group{"/chat", Everyone, ""}, Group{"/chat", Room, "r"}, Group{"/chat", Room, "s"}, Group{"/chat", User, "ada"}
	first, second := &Member[string]{ID: "1", User: "ada"}, &Member[string]{ID: "2", User: "ada"}
	add := func(m *Member[string], rooms ...string) {
		if err := x.Add(m, rooms); err != nil {
			t.Fatal(err)
		}
	}
	add(first, "r")
	<-interest.Changed()
	want("the first", everyone, ada, room)
	add(second, "r")
	want("the second")
	if err := x.Join(second, []string{"s"}); err != nil {
		t.Fatal(err)
	}
	want("another room", other)
	x.Leave(second, []string{"r", "s"})
	want("left it", other)
	x.Remove(second)
	want("the second has gone")
	for _, g := range []Group{everyone, room, ada} {
		if !x.Has(g.Kind, g.Name) {
			t.Errorf("%v has no member", g)
		}
	}
	x.Remove(first)
	want("the last", everyone, ada, room)
	for _, g := range []Group{everyone, room, ada} {
		if x.Has(g.Kind, g.Name) {
			t.Errorf("%v has a member", g)
		}
	}
}

// TestInterestOfOthers: another Interest hears the same, and single members if it
// wants to.
func TestInterestOfOthers(t *testing.T) {
	interest := NewInterest()
	same, more := interest.Also(), interest.Also().WithIDs()
	x := NewIndex[string](10).Tell(interest, "/")
	m := &Member[string]{ID: "1"}
	everyone, one := Group{"/", Everyone, ""}, Group{"/", One, "1"}
	want := func(when string) {
		t.Helper()
		for which, test := range map[string]struct {
			interest *Interest
			want     []Group
		}{"the first": {interest, []Group{everyone}}, "another": {same, []Group{everyone}}, "with ids": {more, []Group{everyone, one}}} {
			<-test.interest.Changed()
			got := test.interest.Take()
			slices.SortFunc(got, func(a, b Group) int { return strings.Compare(a.Name, b.Name) })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("%s, %s: %s", which, when, diff)
			}
		}
	}
	if err := x.Add(m, nil); err != nil {
		t.Fatal(err)
	}
	want("came")
	if !x.Has(One, "1") || x.Has(One, "2") {
		t.Error("Has is wrong about ids")
	}
	x.Remove(m)
	want("went")
}
