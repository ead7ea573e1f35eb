package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Cookie says how the first answer to a polling client sets a cookie with the
// session's id. The server never reads it: it is for a load balancer that
// sends all requests of a session to the same process.
type Cookie struct {
	// Name turns the cookie on, for example "io".
	Name string `yaml:"name"`
	// Path and Domain are where browsers send it.
	Path   string `yaml:"path"`
	Domain string `yaml:"domain"`
	// HTTPOnly keeps it from scripts: who has it can take over the session.
	HTTPOnly bool `yaml:"http_only"`
	// Secure keeps it from plain HTTP.
	Secure bool `yaml:"secure"`
	// SameSite is "lax", "strict", "none", or "" for what browsers make of a
	// cookie that does not say.
	SameSite string `yaml:"same_site"`
	// MaxAge is how long browsers keep it; zero means until they end.
	MaxAge time.Duration `yaml:"max_age"`
	// Partitioned gives it to a page only within the site that it was set in.
	Partitioned bool `yaml:"partitioned"`
}

var sameSites = map[string]http.SameSite{
	"": 0, "lax": http.SameSiteLaxMode, "strict": http.SameSiteStrictMode, "none": http.SameSiteNoneMode,
}

// of is the cookie of a session.
func (c *Cookie) of(sid string) *http.Cookie {
	return &http.Cookie{
		Name: c.Name, Value: sid, Path: c.Path, Domain: c.Domain, MaxAge: int(c.MaxAge.Seconds()),
		HttpOnly: c.HTTPOnly, Secure: c.Secure, SameSite: sameSites[strings.ToLower(c.SameSite)], Partitioned: c.Partitioned,
	}
}

// set adds the cookie of a session to an answer.
func (c *Cookie) set(w http.ResponseWriter, sid string) {
	if c.Name != "" {
		http.SetCookie(w, c.of(sid))
	}
}

// validate reports what keeps browsers from taking the cookie.
func (c *Cookie) validate() error {
	if c.Name == "" {
		return nil
	}
	if _, known := sameSites[strings.ToLower(c.SameSite)]; !known {
		return fmt.Errorf("cookie.same_site: %q is none of lax, strict and none", c.SameSite)
	}
	if c.MaxAge < 0 || c.MaxAge%time.Second != 0 {
		return fmt.Errorf("cookie.max_age: %v is no number of seconds", c.MaxAge)
	}
	if strings.EqualFold(c.SameSite, "none") && !c.Secure {
		return errors.New("cookie: same_site none needs secure")
	}
	if err := c.of(newID("")).Valid(); err != nil {
		return fmt.Errorf("cookie: %w", err)
	}
	return nil
}
