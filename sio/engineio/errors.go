package engineio

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// ErrClosed is the error of sending on a session that has ended.
var ErrClosed = errors.New("session closed")

// ErrSlowConsumer is the error of sending to a client that is too far behind;
// the session ends.
var ErrSlowConsumer = errors.New("session too far behind")

// errorCode is what a refused request is answered with. The codes are those
// of Engine.IO's own server; the protocol document leaves them open.
type errorCode int

const (
	codeUnknownTransport errorCode = iota
	codeUnknownSession
	codeBadMethod
	codeBadRequest
	codeForbidden
	codeUnsupportedVersion
	// Those below are ours.
	codeTooManyRequests
	codeTooManyConnections
	codeUnauthorized
	codeAdmissionUnknown
)

var codeTexts = [...]string{
	"Transport unknown", "Session ID unknown", "Bad handshake method",
	"Bad request", "Forbidden", "Unsupported protocol version", "Too many requests", "Too many connections",
	"Unauthorized", "Authentication unavailable",
}

// refuse answers a request with an error code.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, code errorCode) {
	status := http.StatusBadRequest
	switch code {
	case codeForbidden:
		status = http.StatusForbidden
	case codeTooManyRequests:
		status = http.StatusTooManyRequests
	default:
	}
	s.refuseWith(w, r, code, status)
}

// refuseWith answers a request with an error code and a status.
func (s *Server) refuseWith(w http.ResponseWriter, r *http.Request, code errorCode, status int) {
	s.metrics.refused.WithLabelValues(strconv.Itoa(int(code))).Inc()
	if isUpgrade(r) {
		w.Header().Set("Connection", "close")
	}
	body := fmt.Appendf(nil, `{"code":%d,"message":%q}`, code, codeTexts[code])
	s.respond(w, status, "application/json", body)
}

// limitAnswer gives an answer the time that two heartbeats may take: the rest
// of a request's body may have to be read before it.
func (s *Server) limitAnswer(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(2 * s.patience())) // fails with the connection
}

// respond writes a whole response.
func (s *Server) respond(w http.ResponseWriter, status int, contentType string, body []byte) {
	s.limitAnswer(w)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone if this fails, and its session will notice
}
