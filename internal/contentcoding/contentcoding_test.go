package contentcoding

import (
	"strings"
	"testing"
)

func TestChoose(t *testing.T) {
	for accept, want := range map[string]string{
		"":                                "",
		"gzip, deflate, br, zstd":         "br",
		"GZIP":                            "gzip",
		"gzip;q=1, br;q=0.5":              "gzip",
		"gzip;q=0.5,br; q=0.5":            "br",
		"br;q=0, gzip":                    "gzip",
		"br;q=0":                          "",
		"*":                               "br",
		"*;q=0.1":                         "br",
		"br;q=0, *;q=0.1":                 "gzip",
		"identity":                        "",
		"identity, gzip;q=0.5":            "",
		"identity;q=0.5, gzip":            "gzip",
		"deflate":                         "",
		"br;q=2, gzip;q=NaN, *;q=nothing": "",
		";q=1, ,gzip":                     "gzip",
		"gzip;level=1":                    "",
	} {
		if got := Choose([]string{accept}, "br", "gzip"); got != want {
			t.Errorf("%q: %q, want %q", accept, got, want)
		}
	}
	if got := Choose([]string{"gzip", "br"}, "br", "gzip"); got != "br" {
		t.Errorf("two headers: %q", got)
	}
}

// FuzzChoose: whatever a client accepts, it gets what is there and was
// named.
func FuzzChoose(f *testing.F) {
	f.Add("gzip;q=0.5, br;q=1, *;q=0")
	f.Fuzz(func(t *testing.T, accept string) {
		got := Choose([]string{accept}, "br", "gzip")
		named := strings.Contains(strings.ToLower(accept), got) || strings.Contains(accept, "*")
		if got != "" && (got != "br" && got != "gzip" || !named) {
			t.Errorf("%q: %q", accept, got)
		}
	})
}
