package redisbus

import (
	"testing"
	"time"
)

func TestFaultyConfigurationsAreNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want   string
		change func(*Config)
	}{
		{"", func(*Config) {}},
		{"", func(c *Config) { c.Addresses = nil }},
		{"", func(c *Config) { c.Addresses = []string{"[::1]:6379", "redis.example:6379"} }},
		{`addresses: "redis" is not host:port`, func(c *Config) { c.Addresses = []string{"redis"} }},
		{`addresses: "redis:" is not host:port`, func(c *Config) { c.Addresses = []string{"redis:"} }},
		{"master_name: needs the addresses of Sentinels", func(c *Config) { c.Addresses, c.MasterName = nil, "m" }},
		{"cluster: excludes master_name", func(c *Config) { c.MasterName, c.Cluster = "m", true }},
		{"username: needs a password", func(c *Config) { c.Username = "u" }},
		{"password_file: excludes password", func(c *Config) { c.Password, c.PasswordFile = "p", "f" }},
		{
			"sentinel_username: needs sentinel_password\ndial_timeout: 0s is not positive",
			func(c *Config) { c.SentinelUsername = "u"; c.DialTimeout = 0 },
		},
		{"database: -1 is negative", func(c *Config) { c.Database = -1 }},
		{"database: a Redis Cluster has only 0", func(c *Config) { c.Database, c.Cluster = 1, true }},
		{`prefix: "a:b" is not 1 to 64 of A-Z a-z 0-9 . _ -`, func(c *Config) { c.Prefix = "a:b" }},
		{"call_timeout: -1s is not positive\nprobe_interval: 0s is not positive", func(c *Config) {
			c.CallTimeout, c.ProbeInterval = -time.Second, 0
		}},
		{"pool_size: 0 is not positive\nmax_queue: 15 is less than 16", func(c *Config) { c.PoolSize, c.MaxQueue = 0, 15 }},
		{"tls: cert and key need each other", func(c *Config) { c.TLS = TLS{Enabled: true, Cert: "f"} }},
		{"tls: has files or a server name but is not enabled", func(c *Config) { c.TLS = TLS{CA: "f"} }},
	} {
		cfg := DefaultConfig()
		cfg.Addresses = []string{"redis.example:6379"}
		test.change(&cfg)
		got := ""
		if err := cfg.Validate(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
