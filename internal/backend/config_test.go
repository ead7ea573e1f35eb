package backend

import (
	"strings"
	"testing"
)

func TestConfigReportsEveryFault(t *testing.T) {
	valid := DefaultConfig()
	valid.Target = "chat:50051"
	if err := valid.Validate(); err != nil {
		t.Fatal(err)
	}
	bad := Config{
		Limits:   Limits{BreakerPercent: new(101)},
		Metadata: map[string]string{"Authorization": "", "grpc-timeout": "", "": ""},
		TLS:      TLS{Cert: "cert.pem"},
	}
	err := bad.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		"target: is required", "timeout: 0s", "max_in_flight: 0", "max_reply_bytes: 0",
		"max_queue: 0", "breaker_percent: 101", "breaker_pause: 0s",
		`"Authorization"`, `"grpc-timeout"`, `metadata: ""`, "cert and key", "not enabled",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}
