package engineio

import (
	"net/http"
	"strconv"
)

// Admission is what Config.Admit says about a client that wants a session.
type Admission int

const (
	// Admitted means that it may have one.
	Admitted Admission = iota
	// NotAdmitted means that it has shown nothing that lets it in.
	NotAdmitted
	// AdmissionUnknown means that nobody can tell at the moment.
	AdmissionUnknown
)

// admissionPause is how long, in seconds, a client is asked to wait of which
// nobody could tell.
const admissionPause = 5

// admits asks whether the client that a request comes from may have a session,
// and answers it otherwise. It has come through the door, so that strangers cannot
// have more checked than the door lets in.
func (s *Server) admits(w http.ResponseWriter, r *http.Request) bool {
	if s.cfg.Admit == nil {
		return true
	}
	switch s.cfg.Admit(r) {
	case Admitted:
		return true
	case AdmissionUnknown:
		w.Header().Set("Retry-After", strconv.Itoa(admissionPause))
		s.refuseWith(w, r, codeAdmissionUnknown, http.StatusServiceUnavailable)
	default:
		w.Header().Set("WWW-Authenticate", "Bearer") // RFC 9110, 15.5.2
		s.refuseWith(w, r, codeUnauthorized, http.StatusUnauthorized)
	}
	return false
}
