package main

import (
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
)

// Whoever starts a second server on one machine is told which addresses to change.
func TestAddressInUseNamesItsKey(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for key, change := range map[string]func(*Config){
		"http.listen":  func(c *Config) { c.HTTP.Listen = taken.Addr().String() },
		"grpc.listen":  func(c *Config) { c.GRPC.Listen = taken.Addr().String() },
		"admin.listen": func(c *Config) { c.Admin.Listen = taken.Addr().String() },
	} {
		cfg := defaultConfig()
		cfg.HTTP.Listen, cfg.GRPC.Listen, cfg.Admin.Listen = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
		change(cfg)
		_, err := listen(t.Context(), cfg)
		if !errors.Is(err, syscall.EADDRINUSE) || !strings.HasPrefix(err.Error(), key+": ") {
			t.Errorf("%s: %v", key, err)
		}
	}
}
