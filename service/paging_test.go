package service

import (
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn"
)

func FuzzToken(f *testing.F) {
	for _, token := range []string{"", "Y2E", "cmE", "Y2E=", "!", "Yw", "Y2EA", "Y\r00", "Y2F", encodeToken('c', "räume")} {
		f.Add(token)
	}
	f.Fuzz(func(t *testing.T, token string) {
		last, ok := decodeToken(connectionsToken, token)
		if !ok {
			return
		}
		if err := authn.CheckName(last); err != nil {
			t.Errorf("%q is a token for %q: %v", token, last, err)
		}
		if again := encodeToken(connectionsToken, last); again != token {
			t.Errorf("%q and %q are tokens for %q", token, again, last)
		}
		if _, ok := decodeToken(roomsToken, token); ok {
			t.Errorf("%q is a token of two lists", token)
		}
	})
}
