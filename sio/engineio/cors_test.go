package engineio

import (
	"net/http"
	"testing"
	"time"
)

func TestOrigins(t *testing.T) {
	o, err := newOrigins([]string{
		"https://app.example.com", "https://*.example.net", "http://localhost:*", "null", `^https://pr-\d+\.example\.org$`,
	})
	if err != nil {
		t.Fatal(err)
	}
	for origin, want := range map[string]bool{
		"https://app.example.com":                true,
		"https://APP.example.com":                true,
		"http://app.example.com":                 false,
		"https://app.example.com.evil":           false,
		"https://a.example.net":                  true,
		"https://a.b.example.net":                true,
		"https://example.net":                    false,
		"https://.example.net":                   true, // no browser has such a host
		"https://a.example.net.evil":             false,
		"http://localhost:5173":                  true,
		"http://localhost":                       false,
		"null":                                   true,
		"https://pr-12.example.org":              true,
		"https://pr-12.example.org.evil":         false,
		"https://evil/?https://pr-1.example.org": false,
		"https://pr-x.example.org":               false,
		"":                                       false,
	} {
		if got := o.allow(origin); got != want {
			t.Errorf("%q is allowed: %v", origin, got)
		}
	}
}

func TestCORSFaults(t *testing.T) {
	for name, change := range map[string]func(*CORS){
		"no scheme":         func(c *CORS) { c.Origins = []string{"app.example.com"} },
		"two asterisks":     func(c *CORS) { c.Origins = []string{"https://*.*.example.com"} },
		"a pattern":         func(c *CORS) { c.Origins = []string{"^https://("} },
		"everybody's login": func(c *CORS) { c.Origins, c.Credentials = []string{"*"}, true },
		"no POST":           func(c *CORS) { c.Methods = []string{"GET"} },
		"a method":          func(c *CORS) { c.Methods = []string{"GET", "POST", "P U T"} },
		"allowed":           func(c *CORS) { c.AllowedHeaders = []string{"a\r\nb"} },
		"exposed":           func(c *CORS) { c.ExposedHeaders = []string{""} },
		"status":            func(c *CORS) { c.OptionsSuccessStatus = 404 },
	} {
		cfg := DefaultConfig()
		change(&cfg.CORS)
		if err := cfg.Validate(); err == nil {
			t.Errorf("%s is sound", name)
		}
	}
}

// What npm's package has no option for, or no other value of one.
func TestPreflight(t *testing.T) {
	const ours = "https://ours.example"
	_, address := serveTCP(t, func(cfg *Config) {
		cfg.CORS.Origins, cfg.CORS.PrivateNetwork, cfg.CORS.MaxAge = []string{ours}, true, -time.Second
		cfg.CORS.OptionsSuccessStatus = http.StatusOK
	})
	preflight := func(header ...string) http.Header {
		t.Helper()
		response := ask(t, address, "OPTIONS", polling, append(header, "Access-Control-Request-Method: POST")...)
		if response.StatusCode != http.StatusOK {
			t.Errorf("%q: status %d", header, response.StatusCode)
		}
		return response.Header
	}
	private := preflight("Origin: "+ours, "Access-Control-Request-Private-Network: true")
	if got := private.Get("Access-Control-Allow-Private-Network"); got != "true" {
		t.Errorf("a private network is allowed: %q", got)
	}
	if got := private.Get("Access-Control-Max-Age"); got != "0" {
		t.Errorf("may be kept for %q seconds", got)
	}
	for name, header := range map[string]http.Header{
		"not asked for": preflight("Origin: " + ours),
		"not allowed":   preflight("Origin: https://theirs.example", "Access-Control-Request-Private-Network: true"),
	} {
		if got := header.Get("Access-Control-Allow-Private-Network"); got != "" {
			t.Errorf("a private network, %s: %q", name, got)
		}
	}
}

// Without CORS, OPTIONS is a method like others that nobody needs.
func TestOptionsWithoutCORS(t *testing.T) {
	_, address := serveTCP(t, func(*Config) {})
	response := ask(t, address, "OPTIONS", polling, "Origin: https://theirs.example", "Access-Control-Request-Method: POST")
	if response.StatusCode != http.StatusBadRequest || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%d %v", response.StatusCode, response.Header)
	}
}
