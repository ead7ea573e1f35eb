package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/cors"
	"golang.org/x/net/http/httpguts"
)

// CORS says which foreign origins browsers may connect from, with the options
// and defaults of the package that Socket.IO's own server uses. Without origins
// it is off, as in Socket.IO: browsers then refuse foreign pages to poll, and
// WebSockets are accepted from everywhere.
type CORS struct {
	// Origins are those allowed, for example "https://app.example.com"; one
	// "*" within each stands for anything, and what begins with "^" and ends
	// with "$" is a regular expression (RE2). Once there are any, WebSockets
	// are held to the list as well.
	Origins []string `yaml:"origins"`
	// Methods that pages may use. Polling needs GET and POST.
	Methods []string `yaml:"methods"`
	// AllowedHeaders are the request headers that pages may set; none means
	// any.
	AllowedHeaders []string `yaml:"allowed_headers"`
	// ExposedHeaders are the response headers that pages may read beside the
	// simple ones.
	ExposedHeaders []string `yaml:"exposed_headers"`
	// Credentials lets browsers send cookies along. Not possible with "*".
	Credentials bool `yaml:"credentials"`
	// MaxAge is how long browsers may keep a preflight answer. Zero leaves it
	// to them; less than zero forbids it.
	MaxAge time.Duration `yaml:"max_age"`
	// OptionsSuccessStatus is the status of a preflight's answer.
	OptionsSuccessStatus int `yaml:"options_success_status"`
	// PrivateNetwork lets public pages reach a server in a private network.
	PrivateNetwork bool `yaml:"private_network"`
}

func defaultCORS() CORS {
	return CORS{
		Methods: []string{
			http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete,
		},
		OptionsSuccessStatus: http.StatusNoContent,
	}
}

// faults reports every option that makes no sense.
func (c *CORS) faults() []error {
	_, err := newOrigins(c.Origins)
	faults := []error{err}
	if slices.Contains(c.Origins, "*") && c.Credentials {
		faults = append(faults, errors.New("cors: credentials are not possible with the origin *"))
	}
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		if !slices.Contains(c.Methods, method) {
			faults = append(faults, fmt.Errorf("cors.methods: polling needs %s", method))
		}
	}
	for _, list := range []struct {
		key   string
		names []string
	}{{"methods", c.Methods}, {"allowed_headers", c.AllowedHeaders}, {"exposed_headers", c.ExposedHeaders}} {
		for _, name := range list.names {
			if !httpguts.ValidHeaderFieldName(name) { // methods have the same characters
				faults = append(faults, fmt.Errorf("cors.%s: %q is no name", list.key, name))
			}
		}
	}
	if c.OptionsSuccessStatus < 200 || c.OptionsSuccessStatus > 299 {
		faults = append(faults, fmt.Errorf("cors.options_success_status: %d is no status of a success", c.OptionsSuccessStatus))
	}
	return faults
}

// policy is what the server does about foreign origins. Its zero value lets
// everybody in and answers no preflight.
type policy struct {
	origins *origins
	cors    *cors.Cors
	status  int // of an answer to OPTIONS
}

// policy is for a configuration that is valid.
func (c *CORS) policy() (*policy, error) {
	if len(c.Origins) == 0 {
		return &policy{}, nil
	}
	origins, err := newOrigins(c.Origins)
	options := cors.Options{
		AllowedMethods:       c.Methods,
		AllowedHeaders:       c.AllowedHeaders,
		ExposedHeaders:       c.ExposedHeaders,
		AllowCredentials:     c.Credentials,
		MaxAge:               int(c.MaxAge.Seconds()),
		AllowPrivateNetwork:  c.PrivateNetwork,
		OptionsSuccessStatus: c.OptionsSuccessStatus,
	}
	if len(c.AllowedHeaders) == 0 {
		options.AllowedHeaders = []string{"*"}
	}
	if origins.all {
		options.AllowedOrigins = []string{"*"}
	} else {
		options.AllowOriginVaryRequestFunc = func(_ *http.Request, origin string) (bool, []string) {
			return origins.allow(origin), nil
		}
	}
	return &policy{origins, cors.New(options), c.OptionsSuccessStatus}, err
}

// wrap answers preflights and adds the CORS headers to every answer, errors
// included. OPTIONS without the headers of a preflight is answered like one, as
// the stock server does.
func (p *policy) wrap(next http.Handler) http.Handler {
	if p.cors == nil {
		return next
	}
	return p.cors.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodOptions {
			w.WriteHeader(p.status)
			return
		}
		next.ServeHTTP(w, r)
	}))
}

// allows reports whether the page that sent a request may connect. A page of
// the server's own host always may.
func (p *policy) allows(r *http.Request) bool {
	return p.cors == nil || !crossOrigin(r) || p.origins.allow(r.Header.Get("Origin"))
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
