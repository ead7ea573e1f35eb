package main

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// url is where other nodes reach the listener for browsers.
func (h *HTTP) url() string {
	if h.TLS.Cert != "" {
		return "https://" + h.Advertise
	}
	return "http://" + h.Advertise
}

// advertise chooses the address for other nodes, if the operator has not.
func (h *HTTP) advertise(listener net.Addr) {
	tcp, ok := listener.(*net.TCPAddr)
	if !ok || h.Advertise != "" {
		return
	}
	addresses, _ := net.InterfaceAddrs() // without them it is the loopback
	h.Advertise = reachable(tcp.AddrPort(), addresses)
}

// reachable is the address of a listener for other machines: its own or, if it
// listens on all of them, the first of the machine's that is no loopback, those
// of IPv4 first. A machine that has no other uses the loopback.
func reachable(listener netip.AddrPort, addresses []net.Addr) string {
	own := listener.Addr().Unmap()
	if own.IsUnspecified() {
		own = outward(addresses)
	}
	return net.JoinHostPort(own.String(), strconv.Itoa(int(listener.Port())))
}

func outward(addresses []net.Addr) netip.Addr {
	best := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	for _, address := range addresses {
		prefix, err := netip.ParsePrefix(address.String())
		ip := prefix.Addr().Unmap()
		switch {
		case err != nil || !ip.IsGlobalUnicast():
		case ip.Is4():
			return ip
		case best.IsLoopback():
			best = ip
		}
	}
	return best
}

func (h *HTTP) validateAdvertise() error {
	host, port, err := net.SplitHostPort(h.Advertise)
	if h.Advertise != "" && (err != nil || host == "" || port == "") {
		return fmt.Errorf("http.advertise: %q is no address such as 10.0.0.7:3000", h.Advertise)
	}
	return nil
}
