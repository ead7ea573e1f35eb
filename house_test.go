// Package realtime_test holds the tests of the house: who may import whom.
package realtime_test

import (
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const mod = "github.com/seed52a35d2d/realtime-server/"

// walls lists, for each room, what must not be reachable from it, not even
// through another package. The linter sees direct imports only.
var walls = map[string][]string{
	"sio/...":             {"google.golang.org/grpc", mod + "gen", mod + "service", mod + "authn", mod + "internal/backend"},
	"sio/parser":          {mod + "sio/adapter", mod + "sio/engineio"},
	"sio/engineio":        {mod + "sio/adapter", mod + "sio/parser"},
	"sio/adapter/...":     {mod + "sio/engineio"},
	"sio/nodewire":        {mod + "sio/engineio", "net", "github.com/redis/go-redis"},
	"authn":               {"google.golang.org/grpc", mod + "gen"},
	"authn/place":         {"google.golang.org/grpc", mod + "gen"},
	"authn/chain":         {"google.golang.org/grpc", mod + "gen"},
	"authn/ticket/...":    {"google.golang.org/grpc", "github.com/redis/go-redis", mod + "gen"},
	"authn/jwt":           {"google.golang.org/grpc", mod + "gen"},
	"authn/...":           {mod + "sio", mod + "service", mod + "internal/backend"},
	"internal/registry":   {"google.golang.org/grpc", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/redisbus"},
	"internal/redisbus":   {"google.golang.org/grpc", mod + "gen", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/registry"},
	"internal/relay":      {"google.golang.org/grpc", "github.com/redis/go-redis", mod + "gen", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/redisbus", mod + "internal/registry"},
	"internal/journal":    {"google.golang.org/grpc", mod + "gen", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/redisbus"},
	"internal/reload":     {"google.golang.org/grpc", mod + "gen", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend"},
	"internal/tickets":    {"google.golang.org/grpc", mod + "gen", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/redisbus", mod + "internal/registry"},
	"internal/revoked":    {"google.golang.org/grpc", mod + "gen", mod + "sio", mod + "service", mod + "authn", mod + "internal/backend", mod + "internal/redisbus"},
	"internal/backend":    {mod + "sio", mod + "service", mod + "authn"},
	"service/cluster":     {mod + "authn", mod + "internal/backend", mod + "internal/registry"},
	"service/attach":      {mod + "sio", mod + "authn", mod + "internal/registry", mod + "internal/redisbus", mod + "service/cluster"},
	"service/bridge":      {mod + "internal/registry", mod + "internal/backend"},
	"service/interceptor": {mod + "sio"},
	"clients/...":         {mod + "sio", mod + "service", mod + "authn", mod + "internal"},
}

func TestWalls(t *testing.T) {
	// Touch every source file, or the test cache would repeat an old "ok":
	// it knows what this process opened, not what go list opened.
	err := fs.WalkDir(os.DirFS("."), ".", func(p string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".go") {
			_, err = os.Stat(p)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for room, bad := range walls {
		out, err := exec.Command("go", "list", "-deps", "./"+room).Output()
		if err != nil {
			t.Fatal(err)
		}
		for dep := range strings.FieldsSeq(string(out)) {
			for _, b := range bad {
				if dep == b || strings.HasPrefix(dep, b+"/") {
					t.Errorf("%s reaches %s", room, dep)
				}
			}
		}
	}
}
