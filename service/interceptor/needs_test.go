package interceptor

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// ofRealtime begins the names of our methods.
const ofRealtime = "/realtime.v1.Realtime/"

// methods are the full names of all methods of Realtime.
func methods() []string {
	desc := realtimev1.Realtime_ServiceDesc
	var all []string
	for _, m := range desc.Methods {
		all = append(all, "/"+desc.ServiceName+"/"+m.MethodName)
	}
	for _, s := range desc.Streams {
		all = append(all, "/"+desc.ServiceName+"/"+s.StreamName)
	}
	return all
}

func TestEveryMethodHasAScope(t *testing.T) {
	all := methods()
	for _, method := range all {
		if n, ok := needs[method]; !ok || n.anyone || !slices.Contains(authority.Scopes(), n.scope) {
			t.Errorf("%s has no scope: nobody may call it", method)
		}
	}
	for method := range needs {
		if strings.HasPrefix(method, ofRealtime) && !slices.Contains(all, method) {
			t.Errorf("%s is no method", method)
		}
	}
}

// TestPageOfScopes holds the table of api.md against ours.
func TestPageOfScopes(t *testing.T) {
	page, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "### Who may call what")
	section, _, _ = strings.Cut(section, "\n#")
	said := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (`.*`) \\|$").FindAllStringSubmatch(section, -1) {
		for method := range strings.SplitSeq(row[2], ", ") {
			said[ofRealtime+strings.Trim(method, "`")] = row[1]
		}
	}
	for method, n := range needs {
		if strings.HasPrefix(method, ofRealtime) && said[method] != string(n.scope) {
			t.Errorf("%s needs %s, the page says %q", method, n.scope, said[method])
		}
		delete(said, method)
	}
	if len(said) > 0 {
		t.Errorf("the page has more: %v", said)
	}
	for method, n := range needs {
		name, ours := strings.CutPrefix(method, ofRealtime)
		if !ours || n.byRooms {
			continue
		}
		if _, closed, _ := strings.Cut(section, "It cannot call what is about more than rooms:"); !strings.Contains(closed, "`"+name+"`") {
			t.Errorf("the page does not say that %s is closed to callers that are limited to rooms", name)
		}
	}
}
