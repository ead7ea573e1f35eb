package engineio

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Handshake is what is known of the request that a session began with. It
// lives as long as the session, so it holds no more than somebody will ask for.
type Handshake struct {
	// URL is as the client sent it: it may forge it.
	URL string

	// RemoteAddress is the IP address of the client.
	RemoteAddress string
	// Secure says whether the request came over TLS.
	Secure bool
	// CrossOrigin says whether a browser's page of another origin sent it.
	CrossOrigin bool
	// Time is when the request arrived.
	Time time.Time

	headers []string // those of Config.KeepHeaders: name, value, name, value …
}

// Header is the value of a header that Config.KeepHeaders names, whatever its
// case; several values are joined by commas. It is "" if the client has not sent
// it. Clients may forge it.
func (h *Handshake) Header(name string) string {
	for i := 0; i < len(h.headers); i += 2 {
		if strings.EqualFold(h.headers[i], name) {
			return h.headers[i+1]
		}
	}
	return ""
}

// Query is the query of the URL, as far as it can be parsed.
func (h *Handshake) Query() url.Values {
	_, query, _ := strings.Cut(h.URL, "?")
	values, _ := url.ParseQuery(query) // like net/http
	return values
}

// keep copies the headers that will be asked for.
func keep(header http.Header, names []string) []string {
	var kept []string
	for _, name := range names {
		if values := header.Values(name); len(values) > 0 {
			kept = append(kept, name, strings.Join(values, ", "))
		}
	}
	return kept
}

func (s *Server) newHandshake(r *http.Request) *Handshake {
	peer := peerOf(r)
	return &Handshake{
		URL:           r.URL.RequestURI(),
		RemoteAddress: s.remoteAddress(r),
		Secure:        r.TLS != nil || s.trusted(peer) && r.Header.Get("X-Forwarded-Proto") == "https",
		CrossOrigin:   crossOrigin(r),
		Time:          time.Now(),
		headers:       keep(r.Header, s.cfg.KeepHeaders),
	}
}

// peerOf is the address at the other end of a request's connection.
func peerOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// remoteAddress is the address of the client that a request comes from.
func (s *Server) remoteAddress(r *http.Request) string {
	peer := peerOf(r)
	if !s.trusted(peer) {
		return peer
	}
	return s.forwardedFor(peer, r.Header)
}

// forwardedFor walks back the proxies that we trust: the client is the last
// address that none of them vouches for as a proxy.
func (s *Server) forwardedFor(peer string, header http.Header) string {
	hops := strings.Split(strings.Join(header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		addr, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return peer
		}
		peer = addr.Unmap().String()
		if !s.trusted(peer) {
			return peer
		}
	}
	return peer
}

func (s *Server) trusted(address string) bool {
	addr, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(s.cfg.TrustedProxies, func(p netip.Prefix) bool {
		return p.Contains(addr.Unmap())
	})
}
