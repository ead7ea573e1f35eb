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

// Handshake is what is known of the request that a session began with.
type Handshake struct {
	// Header, Query and URL are as the client sent them: it may forge them.
	Header http.Header
	Query  url.Values
	URL    string

	// RemoteAddress is the IP address of the client.
	RemoteAddress string
	// Secure says whether the request came over TLS.
	Secure bool
	// CrossOrigin says whether a browser's page of another origin sent it.
	CrossOrigin bool
	// Time is when the request arrived.
	Time time.Time
}

func (s *Server) newHandshake(r *http.Request) *Handshake {
	h := &Handshake{
		Header:        r.Header,
		Query:         r.URL.Query(),
		URL:           r.URL.RequestURI(),
		RemoteAddress: r.RemoteAddr,
		Secure:        r.TLS != nil,
		CrossOrigin:   crossOrigin(r),
		Time:          time.Now(),
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		h.RemoteAddress = host
	}
	if s.trusted(h.RemoteAddress) {
		h.RemoteAddress = s.forwardedFor(h.RemoteAddress, r.Header)
		h.Secure = h.Secure || r.Header.Get("X-Forwarded-Proto") == "https"
	}
	return h
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
