package authn

import (
	"maps"
	"testing"
)

func TestCredentials(t *testing.T) {
	for _, test := range []struct {
		name, auth string
		payload    []Arg
		want       string
	}{
		{"nothing said", `{"token":"a"}`, nil, `{"token":"a"}`},
		{"said", `{"token":"a","x":1}`, []Arg{{JSON: []byte(`{"token":"b"}`)}}, `{"token":"b","x":1}`},
		{"said without auth", `{}`, []Arg{{JSON: []byte(`{"token":"b"}`)}, {JSON: []byte(`{"token":"c"}`)}}, `{"token":"b"}`},
		{"auth is a list", `[1]`, []Arg{{JSON: []byte(`{"token":"b"}`)}}, `{"token":"b"}`},
		{"an empty object", ` {"token": "a"}`, []Arg{{JSON: []byte(`{}`)}}, ` {"token": "a"}`},
		{"no object", `{"token":"a"}`, []Arg{{JSON: []byte(`"b"`)}}, `{"token":"a"}`},
		{"null", `{"token":"a"}`, []Arg{{JSON: []byte(`null`)}}, `{"token":"a"}`},
		{"bytes", `{"token":"a"}`, []Arg{{Binary: []byte(`{"token":"b"}`)}}, `{"token":"a"}`},
		{"large numbers", `{"n":1}`, []Arg{{JSON: []byte(`{"n":9007199254740993}`)}}, `{"n":9007199254740993}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := Handshake{Claims: Claims{Auth: []byte(test.auth), Query: map[string]string{"a": "1"}}, Payload: test.payload}
			got := h.Credentials()
			if string(got.Auth) != test.want || !maps.Equal(got.Query, h.Claims.Query) || string(h.Claims.Auth) != test.auth {
				t.Errorf("got %s, want %s", got.Auth, test.want)
			}
		})
	}
}

// Who refreshes a credential shows another one than it came with.
func TestCredentialsOfARefresh(t *testing.T) {
	h := Handshake{
		Cause:   CauseRefresh,
		Payload: []Arg{{JSON: []byte(`{"ticket":"b"}`)}},
		Claims: Claims{
			Auth: []byte(`{"ticket":"b"}`), Query: map[string]string{"token": "a"}, Headers: map[string]string{"cookie": "token=a"},
		},
	}
	got := h.Credentials()
	if string(got.Auth) != `{"ticket":"b"}` || len(got.Query) > 0 || len(got.Headers) > 0 {
		t.Errorf("got %+v", got)
	}
	if len(h.Claims.Query) != 1 || len(h.Claims.Headers) != 1 {
		t.Errorf("backends see %+v", h.Claims)
	}
}
