package sio

import (
	"encoding/json"
	"testing"
)

func TestCutClaim(t *testing.T) {
	for auth, want := range map[string]struct {
		claim claim
		rest  string
	}{
		`{"pid":"p","offset":"1-0","token":"x"}`:                   {claim{"p", "1-0"}, `{"token":"x"}`},
		`{ "token" : "x" , "pid":"p", "n" : 12345678901234567890}`: {claim{"p", ""}, `{"token" : "x","n" : 12345678901234567890}`},
		`{"pid":"p"}`:                            {claim{"p", ""}, `{}`},
		`{"pid":"p","offset":null}`:              {claim{"p", ""}, `{}`},
		`{"pid":"p","offset":""}`:                {claim{"p", "none of ours"}, `{}`},
		`{"pid":"p","offset":7,"a":{"pid":"q"}}`: {claim{"p", "none of ours"}, `{"a":{"pid":"q"}}`},
		`{"pid":"p","pid":"q"}`:                  {claim{"q", ""}, `{}`},
		`{"pid":7,"offset":"1-0"}`:               {claim{}, `{"pid":7,"offset":"1-0"}`},
		`{"offset":"1-0"}`:                       {claim{}, `{"offset":"1-0"}`},
		`{"a":{"pid":"q"}}`:                      {claim{}, `{"a":{"pid":"q"}}`},
		`{"token":"\"pid\""}`:                    {claim{}, `{"token":"\"pid\""}`},
		`{}`:                                     {claim{}, `{}`},
		``:                                       {claim{}, ``},
	} {
		got, rest := cutClaim([]byte(auth))
		if got != want.claim || string(rest) != want.rest {
			t.Errorf("%s: %+v and %s, want %+v and %s", auth, got, rest, want.claim, want.rest)
		}
	}
}

// FuzzCutClaim: whatever the payload, what is left is an object, and without the
// secret that was in it.
func FuzzCutClaim(f *testing.F) {
	for _, auth := range []string{`{"pid":"p","offset":"1-0","token":"x"}`, `{"pid":"p","pid":[]}`, `{"":{"pid":1}, "pid" : "\u0070"}`} {
		f.Add([]byte(auth))
	}
	f.Fuzz(func(t *testing.T, auth []byte) {
		var before map[string]json.RawMessage
		if json.Unmarshal(auth, &before) != nil || before == nil {
			return // the parser refuses it
		}
		got, rest := cutClaim(auth)
		var after map[string]json.RawMessage
		if err := json.Unmarshal(rest, &after); err != nil {
			t.Fatalf("%s is left: %v", rest, err)
		}
		if got.pid == "" {
			return
		}
		delete(before, "pid")
		delete(before, "offset")
		if len(before) != len(after) {
			t.Errorf("%s is left of %s", rest, auth)
		}
		for name, value := range before {
			if string(after[name]) != string(value) {
				t.Errorf("%q is %s, was %s", name, after[name], value)
			}
		}
	})
}

func TestOffsets(t *testing.T) {
	for text, want := range map[string]offset{
		"1795374728041-0": 1795374728041 << sequenceBits, "0-1": 1, "5-1048575": 6<<sequenceBits - 1,
	} {
		if got, ok := parseOffset(text); !ok || got != want || got.String() != text {
			t.Errorf("%s is %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{"", "-", "1", "1-", "-1", "01-0", "1-00", "+1-0", "1-0-0", "2026-01", "1-1048576", "99999999999999-0", "a-b", " 1-0"} {
		if _, ok := parseOffset(text); ok {
			t.Errorf("%q is an offset", text)
		}
	}
	clock := newOffsets()
	last := clock.next()
	for range 10_000 {
		next := clock.next()
		if next <= last {
			t.Fatalf("%s after %s", next, last)
		}
		last = next
	}
}
