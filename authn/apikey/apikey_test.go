package apikey_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn/apikey"
)

const (
	blue  = "blue-0123456789abcdef"
	green = "green-0123456789abcdef"
)

func TestCheck(t *testing.T) {
	keys, err := apikey.New([]apikey.Key{{Name: "blue", Key: blue}, {Name: "green", Key: green}})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		authorization string
		name          string
		err           error
	}{
		{"Bearer " + blue, "blue", nil},
		{"bearer " + green, "green", nil},
		{"Bearer " + blue + "x", "", apikey.ErrInvalid},
		{"Bearer  " + blue, "", apikey.ErrInvalid},
		{"Bearer x", "", apikey.ErrInvalid},
		{"Bearer ", "", apikey.ErrMissing},
		{"Basic " + blue, "", apikey.ErrMissing},
		{blue, "", apikey.ErrMissing},
		{"", "", apikey.ErrMissing},
	} {
		name, err := keys.Check(test.authorization)
		if name != test.name || !errors.Is(err, test.err) {
			t.Errorf("%q: got %q, %v", test.authorization, name, err)
		}
	}
}

func TestNoKeysLetNobodyIn(t *testing.T) {
	keys, err := apikey.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Check("Bearer " + blue); !errors.Is(err, apikey.ErrInvalid) {
		t.Error(err)
	}
}

func TestNewReportsEveryFaultAndNoSecret(t *testing.T) {
	_, err := apikey.New([]apikey.Key{
		{Name: "a", Key: blue}, {Name: "a", Key: green}, {Key: green}, {Name: "b", Key: "secret"}, {Name: "c", Key: blue},
	})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"api_keys.a: ", "api_keys: a key has no name", "api_keys.b: ", "api_keys.c: "} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), blue) {
		t.Errorf("%q tells a key", err)
	}
}
