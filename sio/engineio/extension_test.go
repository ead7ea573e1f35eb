package engineio

import (
	"net/http"
	"testing"
)

func TestNegotiateDeflate(t *testing.T) {
	const plain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
	for offers, want := range map[string]struct {
		window uint8
		answer string
	}{
		"":                   {},
		"permessage-deflate": {15, plain}, // Firefox, Safari
		"permessage-deflate; client_max_window_bits":                              {15, plain}, // Chrome, ws
		"permessage-deflate;client_max_window_bits=9":                             {15, plain},
		`permessage-deflate; client_max_window_bits="10"`:                         {15, plain},
		"permessage-deflate; client_no_context_takeover":                          {15, plain},
		"permessage-deflate; server_no_context_takeover":                          {15, plain},
		"permessage-deflate; server_max_window_bits=12; client_max_window_bits=9": {12, plain + "; server_max_window_bits=12"}, // Python's websockets
		"permessage-deflate; server_max_window_bits=15":                           {15, plain + "; server_max_window_bits=15"},
		"permessage-deflate; server_max_window_bits=8":                            {8, plain + "; server_max_window_bits=8"},

		// Other extensions, and several offers: the first that will do.
		"x-webkit-deflate-frame": {},
		"permessage-bzip2, permessage-deflate; client_max_window_bits":                           {15, plain},
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":                      {10, plain + "; server_max_window_bits=10"},
		"permessage-deflate, permessage-deflate; server_max_window_bits=10":                      {15, plain},
		"permessage-deflate; level=9, permessage-deflate; client_max_window_bits":                {15, plain},
		"permessage-deflate; server_max_window_bits=16, x; y, permessage-deflate":                {15, plain},
		"permessage-deflate; server_max_window_bits, permessage-deflate; client_max_window_bits": {15, plain},

		// Malformed offers are declined.
		"permessage-deflate; unknown":                                                {},
		"permessage-deflate; server_no_context_takeover=1":                           {},
		"permessage-deflate; client_no_context_takeover=true":                        {},
		"permessage-deflate; server_max_window_bits":                                 {},
		"permessage-deflate; server_max_window_bits=7":                               {},
		"permessage-deflate; server_max_window_bits=16":                              {},
		"permessage-deflate; server_max_window_bits=-9":                              {},
		"permessage-deflate; server_max_window_bits=ten":                             {},
		"permessage-deflate; client_max_window_bits=7":                               {},
		"permessage-deflate; client_max_window_bits; client_max_window_bits":         {},
		"permessage-deflate; client_max_window_bits; client_max_window_bits=10":      {},
		"permessage-deflate; server_max_window_bits=9; server_max_window_bits=9":     {},
		"permessage-deflate; server_no_context_takeover; server_no_context_takeover": {},

		// So is a header that cannot be read.
		"permessage-deflate; =":                          {},
		"permessage-deflate; \"":                         {},
		"permessage-deflate; client_max_window_bits=\"1": {},
		"; permessage-deflate":                           {},
		"permessage-deflate\x00":                         {},
		"permessage-deflate, é=1":                        {},
	} {
		answer := http.Header{}
		window := negotiateDeflate(http.Header{extensionsHeader: {offers}}, answer)
		if window != want.window || answer.Get(extensionsHeader) != want.answer {
			t.Errorf("%q: window %d, answer %q; want %+v", offers, window, answer, want)
		}
	}
	several := http.Header{extensionsHeader: {"foo, bar; baz", "permessage-deflate"}}
	if window := negotiateDeflate(several, http.Header{}); window != fullWindow {
		t.Errorf("an offer in the second header was not found")
	}
}

func FuzzNegotiateDeflate(f *testing.F) {
	f.Add(`permessage-deflate; server_max_window_bits="12", a; b=c`)
	f.Add("permessage-deflate; client_max_window_bits; x,,;=")
	f.Fuzz(func(t *testing.T, offers string) {
		answer := http.Header{}
		window := negotiateDeflate(http.Header{extensionsHeader: {offers}}, answer)
		if (window == 0) != (len(answer) == 0) || window > fullWindow || window != 0 && window < 8 {
			t.Errorf("window %d, answer %v", window, answer)
		}
	})
}
