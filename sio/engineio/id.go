package engineio

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
)

// IDSize is the length of every id. Peers of the Node ecosystem rely on it.
const IDSize = 20

// TagSize is the length of the tag that an id begins with where there is one.
const TagSize = 4

// NewID makes an id that nobody can guess. It begins with the tag of
// Config.Tag, if there is one.
func (s *Server) NewID() string {
	if s.cfg.Tag == nil {
		return newID("")
	}
	return newID(s.cfg.Tag())
}

// newID makes an id behind a tag, of which there may be none. Twelve or fifteen
// of its bytes are random.
func newID(tag string) string {
	if len(tag) != TagSize {
		tag = ""
	}
	var random [IDSize / 4 * 3]byte
	_, _ = rand.Read(random[:]) // never fails
	return tag + base64.RawURLEncoding.EncodeToString(random[len(tag)/4*3:])
}

// TagOf is what the id of a session or a socket begins with: the tag of the
// node that has made it. In protocol 4 of Socket.IO the id of a session stands
// behind the name of a namespace. It is "" for what is no id.
func TagOf(id string) string {
	if len(id) < IDSize {
		return ""
	}
	return id[len(id)-IDSize:][:TagSize]
}

// elsewhere offers a request to Config.Elsewhere, if its session may be
// another node's, and reports whether it was answered. A session that is open
// here never comes here, so it costs nothing.
func (s *Server) elsewhere(w http.ResponseWriter, r *http.Request, sid string) bool {
	if s.cfg.Elsewhere == nil || s.cfg.Tag == nil || len(sid) != IDSize {
		return false
	}
	tag := TagOf(sid)
	return tag != s.cfg.Tag() && s.cfg.Elsewhere(w, r, tag)
}
