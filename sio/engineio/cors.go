package engineio

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/rs/cors"
)

// CORS says which foreign origins browsers may connect from. Without origins
// it is off, as in Socket.IO: browsers then refuse foreign pages to poll, and
// WebSockets are accepted from everywhere.
type CORS struct {
	// Origins are those allowed, for example "https://app.example.com"; one
	// "*" within each stands for anything. Once there are any, WebSockets
	// are held to the list as well.
	Origins []string `yaml:"origins"`
	// Credentials lets browsers send cookies along. Not possible with "*".
	Credentials bool `yaml:"credentials"`
	// Headers are the request headers allowed beside the simple ones.
	Headers []string `yaml:"headers"`
	// MaxAge is how long browsers may keep a preflight answer.
	MaxAge time.Duration `yaml:"max_age"`
}

// wrap answers preflights and adds the CORS headers to every answer, errors
// included.
func (c *CORS) wrap(next http.Handler) (_ http.Handler, allowed func(r *http.Request) bool) {
	if len(c.Origins) == 0 {
		return next, func(*http.Request) bool { return true }
	}
	policy := cors.New(cors.Options{
		AllowedOrigins:       c.Origins,
		AllowedMethods:       []string{http.MethodGet, http.MethodPost},
		AllowedHeaders:       c.Headers,
		AllowCredentials:     c.Credentials,
		MaxAge:               int(c.MaxAge.Seconds()),
		OptionsSuccessStatus: http.StatusNoContent,
	})
	allowed = func(r *http.Request) bool { return !crossOrigin(r) || policy.OriginAllowed(r) }
	return policy.Handler(next), allowed
}

// crossOrigin reports whether a browser says that the request comes from a
// page of another host.
func crossOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || !strings.EqualFold(u.Host, r.Host)
}
