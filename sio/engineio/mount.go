package engineio

import (
	"context"
	"net/http"
)

// mountKey finds the Handler of a mount in the context of a request.
type mountKey struct{}

// Mount serves the requests of all sessions, as the server itself does. The
// sessions that begin here are another Handler's.
func (s *Server) Mount(handler Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), mountKey{}, handler)))
	})
}

// handlerOf is who is told of the session that a request begins.
func (s *Server) handlerOf(r *http.Request) Handler {
	if mounted, ok := r.Context().Value(mountKey{}).(Handler); ok {
		return mounted
	}
	return s.handler
}
