package bridge

import "testing"

func TestConfig(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"": func(*Config) {},
		`dialect: "streams" is neither classic nor sharded`:                       func(c *Config) { c.Dialect = "streams" },
		`prefix: must have 1 to 64 bytes, without NUL`:                            func(c *Config) { c.Prefix = "" },
		`subscription_mode: "all" is none of dynamic, dynamic-private and static`: func(c *Config) { c.SubscriptionMode = "all" },
		`requests_timeout: 0s is not positive`:                                    func(c *Config) { c.RequestsTimeout = 0 },
	} {
		c := DefaultConfig()
		c.Dialect = "classic"
		change(&c)
		got := ""
		if err := c.Validate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
