package pattern

import (
	"regexp"
	"testing"
)

func TestCompile(t *testing.T) {
	for text, c := range map[string]struct{ matches, not []string }{
		`^/team-\d+$`:       {[]string{"/team-1", "/team-42"}, []string{"/team-", "/team-1x", "x/team-1", "/team-1\n", "/TEAM-1"}},
		`^/a|/b$`:           {[]string{"/a", "/b"}, []string{"/ab", "/a/b", "/b/x", "x/b"}},
		`^/(?m)a$|.x$`:      {[]string{"/a", "/x"}, []string{"/a\n", "/x\ny", "y\n/x"}},
		`^(?i)/team-[a-z]$`: {[]string{"/team-a", "/TEAM-A"}, []string{"/team-1"}},
		`^$`:                {[]string{""}, []string{"a", "\n"}},
	} {
		whole, err := Compile(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		for _, s := range c.matches {
			if !whole.MatchString(s) {
				t.Errorf("%s does not match %q", text, s)
			}
		}
		for _, s := range c.not {
			if whole.MatchString(s) {
				t.Errorf("%s matches %q", text, s)
			}
		}
	}
	for _, text := range []string{"", "a", "^", "^a", "a$", `^a\$`, "^a($", "^(?=a)$", "^a{9999}$", "^/)|(?:x$"} {
		if _, err := Compile(text); err == nil {
			t.Errorf("%q compiles", text)
		}
	}
}

// FuzzCompile holds a pattern against the same expression without its ends: no
// pattern matches a part of a text.
func FuzzCompile(f *testing.F) {
	for _, seed := range [][2]string{{`^/team-\d+$`, "/team-1"}, {"^/a|/b$", "/a/b"}, {"^/(?m)a$|b$", "/a\nb"}, {`^/a\$`, "/a$"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, text, s string) {
		whole, err := Compile(text)
		if err != nil {
			return
		}
		loose, err := regexp.Compile(text[1 : len(text)-1])
		if err != nil {
			t.Fatalf("%q compiles between ends only: %v", text, err)
		}
		loose.Longest()
		if found := loose.FindString(s); whole.MatchString(s) && found != s {
			t.Fatalf("%q matches all of %q, and inside of it at most %q", text, s, found)
		}
	})
}
