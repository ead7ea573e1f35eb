package main

import (
	"net"
	"net/netip"
	"testing"
)

func TestReachable(t *testing.T) {
	for _, test := range []struct {
		listener  string
		addresses []string
		want      string
	}{
		{"127.0.0.1:3000", []string{"10.0.0.7/8"}, "127.0.0.1:3000"},
		{"10.0.0.9:3000", []string{"10.0.0.7/8"}, "10.0.0.9:3000"},
		{"[::ffff:10.0.0.9]:3000", nil, "10.0.0.9:3000"},
		{"[fd00::9]:3000", nil, "[fd00::9]:3000"},
		{"0.0.0.0:3000", []string{"127.0.0.1/8", "::1/128", "10.0.0.7/8", "10.0.0.8/8"}, "10.0.0.7:3000"},
		{"[::]:3000", []string{"127.0.0.1/8", "fe80::1/64", "fd00::7/64", "10.0.0.7/8"}, "10.0.0.7:3000"},
		{"[::]:3000", []string{"127.0.0.1/8", "fe80::1/64", "fd00::7/64", "fd00::8/64"}, "[fd00::7]:3000"},
		{"0.0.0.0:3000", []string{"127.0.0.1/8", "169.254.1.1/16"}, "127.0.0.1:3000"},
		{"0.0.0.0:3000", nil, "127.0.0.1:3000"},
	} {
		var addresses []net.Addr
		for _, a := range test.addresses {
			addresses = append(addresses, cidr(a))
		}
		if got := reachable(netip.MustParseAddrPort(test.listener), addresses); got != test.want {
			t.Errorf("%s with %v: %s, want %s", test.listener, test.addresses, got, test.want)
		}
	}
}

// cidr is an address as net.InterfaceAddrs tells them.
type cidr string

func (cidr) Network() string  { return "ip+net" }
func (a cidr) String() string { return string(a) }

func TestAdvertise(t *testing.T) {
	listener := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000}
	for _, test := range []struct {
		http HTTP
		want string
	}{
		{HTTP{}, "http://127.0.0.1:3000"},
		{HTTP{TLS: TLS{Cert: "cert.pem"}}, "https://127.0.0.1:3000"},
		{HTTP{Advertise: "node-1.internal:80"}, "http://node-1.internal:80"},
	} {
		test.http.advertise(listener)
		if got := test.http.url(); got != test.want {
			t.Errorf("%s, want %s", got, test.want)
		}
	}
	for address, good := range map[string]bool{"": true, "node-1:80": true, "[::1]:80": true, "node-1": false, ":80": false, "node-1:": false} {
		if err := (&HTTP{Advertise: address}).validateAdvertise(); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
