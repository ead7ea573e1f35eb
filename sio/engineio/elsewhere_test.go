package engineio

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"
)

// TestElsewhere: the requests of sessions that another node has made, and no
// others, are offered to Config.Elsewhere.
func TestElsewhere(t *testing.T) {
	var offered []string // by the server's goroutine, before it answers
	_, address := serveTCP(t, func(cfg *Config) {
		cfg.Tag = func() string { return "here" }
		cfg.Elsewhere = func(w http.ResponseWriter, _ *http.Request, tag string) bool {
			offered = append(offered, tag)
			if tag == "gone" {
				return false
			}
			_, _ = io.WriteString(w, "from "+tag)
			return true
		}
	})
	get := func(query string) string {
		response, err := http.Get("http://" + address + "/?EIO=4&" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(response.StatusCode, " ", string(body))
	}
	own := get("transport=polling")
	if len(own) < 36 || own[13:17] != "here" {
		t.Fatalf("a session is opened with %s", own)
	}
	const unknown = `400 {"code":1,"message":"Session ID unknown"}`
	for _, c := range []struct{ query, want string }{
		{"transport=polling&sid=" + newID("here"), unknown},
		{"transport=polling&sid=there", unknown},
		{"transport=polling&sid=/chat,x" + newID("them"), unknown},
		{"transport=smoke&sid=" + newID("them"), `400 {"code":0,"message":"Transport unknown"}`},
		{"transport=polling&sid=" + newID("gone"), unknown},
		{"transport=polling&sid=" + newID("them"), "200 from them"},
		{"transport=websocket&sid=" + newID("them"), "200 from them"},
		{"transport=websocket&sid=" + own[13:33], `400 {"code":3,"message":"Bad request"}`},
	} {
		if got := get(c.query); got != c.want {
			t.Errorf("%s: %s, not %s", c.query, got, c.want)
		}
	}
	if want := []string{"gone", "them", "them"}; !slices.Equal(offered, want) {
		t.Errorf("offered were requests of %q, not of %q", offered, want)
	}
}
