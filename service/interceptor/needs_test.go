package interceptor

import (
	"slices"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

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
	announced := []string{"IssueTicket", "RevokeUser", "RevokeToken", "Attach"}
	for method := range needs {
		name, ours := strings.CutPrefix(method, ofRealtime)
		if ours && !slices.Contains(all, method) && !slices.Contains(announced, name) {
			t.Errorf("%s is no method", method)
		}
	}
}
