package authn_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/seed52a35d2d/realtime-server/authn"
)

func TestCloneSharesNothing(t *testing.T) {
	full := func() authn.Identity {
		return authn.Identity{
			User: "ada", Rooms: []string{"a"}, Metadata: []byte(`{}`), ExpiresAt: time.Unix(1, 0), TokenID: "t",
			Events: []authn.Event{{Name: "e", Args: []authn.Arg{
				{JSON: []byte(`1`), Attachments: [][]byte{{1}}}, {Binary: []byte{}},
			}}},
		}
	}
	original := full()
	copied := original.Clone()
	if diff := cmp.Diff(original, copied); diff != "" {
		t.Fatalf("(-original +copy):\n%s", diff)
	}
	copied.Rooms[0], copied.Metadata[0], copied.Events[0].Name = "x", 'x', "x"
	args := original.Clone().Events[0].Args
	args[0].JSON[0], args[0].Attachments[0][0] = 'x', 9
	if diff := cmp.Diff(full(), original); diff != "" {
		t.Errorf("the original has changed (-want +got):\n%s", diff)
	}
	if nothing := (authn.Identity{}).Clone(); nothing.Rooms != nil || nothing.Metadata != nil || nothing.Events != nil {
		t.Errorf("%+v", nothing)
	}
}
