package main

import (
	"strings"
	"testing"
)

func TestBridgeNeedsItsRedis(t *testing.T) {
	const address = "redis.addresses=[127.0.0.1:1]"
	for want, set := range map[string][]string{
		"bridge.dialect: needs redis.addresses":    {"bridge.dialect=classic"},
		"not yet with a Redis Cluster":             {"bridge.dialect=sharded", address, "redis.cluster=true"},
		`bridge.dialect: "x" is neither`:           {"bridge.dialect=x", address},
		`bridge.subscription_mode: "x" is none of`: {"bridge.dialect=sharded", "bridge.subscription_mode=x", address},
		"": {"bridge.dialect=classic", address, "redis.cluster=true"},
	} {
		cmd := &command{}
		for _, s := range append(set, "dev=true") {
			key, value, _ := strings.Cut(s, "=")
			cmd.settings = append(cmd.settings, setting{key, value, "--set"})
		}
		_, err := loadConfig(cmd, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", set, err)
		}
	}
}
