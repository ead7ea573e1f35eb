package service_test

import (
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/service"
)

func TestConfigReportsEveryFault(t *testing.T) {
	if err := service.DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := service.Config{Headers: []string{"origin", "Cookie", ""}}.Validate()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`headers[1]: "Cookie"`, `headers[2]: ""`, "max_names: 0", "max_args: 0"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
}
