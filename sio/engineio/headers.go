package engineio

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"
)

// ownHeaders are those that the server itself decides about.
var ownHeaders = []string{
	"Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Keep-Alive", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// headerFaults reports what of a map of the configuration can be in no answer.
// What passes cannot end a line and begin another one.
func headerFaults(key string, headers map[string]string) []error {
	var faults []error
	seen := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case !httpguts.ValidHeaderFieldName(name):
			faults = append(faults, fmt.Errorf("%s: %q is no name of a header", key, name))
		case !httpguts.ValidHeaderFieldValue(headers[name]):
			faults = append(faults, fmt.Errorf("%s: the value of %q has characters that no header may have", key, name))
		case slices.Contains(ownHeaders, canonical) || strings.HasPrefix(canonical, "Sec-Websocket-"):
			faults = append(faults, fmt.Errorf("%s: %q is the server's own affair", key, name))
		case seen[canonical]:
			faults = append(faults, fmt.Errorf("%s: %q stands twice", key, canonical))
		}
		seen[canonical] = true
	}
	return faults
}

// headersOf makes a map of the configuration a header. All answers share its
// values, which are read-only.
func headersOf(headers map[string]string) http.Header {
	all := http.Header{}
	for name, value := range headers {
		all[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return all
}

// withHeaders puts the headers of the configuration, and those of CORS, into
// every answer of a handler. It answers preflights itself.
func (s *Server) withHeaders(next http.Handler) http.Handler {
	next = s.policy.wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		maps.Copy(w.Header(), s.headers)
		next.ServeHTTP(w, r)
	})
}

// Beside gives a handler of a path beside the server's, such as files that the
// same pages load, the headers, the CORS and the patience of the server.
func (s *Server) Beside(next http.Handler) http.Handler {
	next = s.withHeaders(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.limitBody(w, r)
		s.limitAnswer(w)
		next.ServeHTTP(w, r)
	})
}
