package ticket_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/authn/ticket/storetest"
)

func TestMemory(t *testing.T) { storetest.Run(t, ticket.NewMemory()) }

func TestMemoryForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := ticket.NewMemory()
		for key, life := range map[string]time.Duration{"soon": time.Second, "later": time.Minute, "taken": time.Second} {
			if err := m.Put(t.Context(), key, []byte(key), life); err != nil {
				t.Fatal(err)
			}
		}
		if value, _ := m.Take(t.Context(), "taken"); string(value) != "taken" {
			t.Errorf("got %q", value)
		}
		time.Sleep(time.Second)
		if value, _ := m.Take(t.Context(), "soon"); value != nil {
			t.Errorf("got %q after its end", value)
		}
		time.Sleep(59*time.Second - 1)
		if value, _ := m.Take(t.Context(), "later"); string(value) != "later" {
			t.Errorf("got %q before its end", value)
		}
	})
}

// What is over makes room, and so does what was taken.
func TestMemoryIsBounded(t *testing.T) {
	for name, c := range map[string]struct{ values, size int }{
		"in number": {ticket.MaxHeld, 1},
		"in bytes":  {ticket.MaxHeldBytes / ticket.MaxGrantBytes, ticket.MaxGrantBytes - len("key 0000")},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m, value := ticket.NewMemory(), make([]byte, c.size)
				fill := func(from int) {
					t.Helper()
					for n := from; n < c.values; n++ {
						if err := m.Put(t.Context(), fmt.Sprintf("key %04d", n), value, time.Minute); err != nil {
							t.Fatalf("value %d: %v", n, err)
						}
					}
					if err := m.Put(t.Context(), "one more", value, time.Minute); !errors.Is(err, ticket.ErrFull) {
						t.Fatalf("error %v, want ErrFull", err)
					}
				}
				fill(0)
				if got, _ := m.Take(t.Context(), "key 0000"); got == nil {
					t.Error("the first is gone")
				}
				if err := m.Put(t.Context(), "key 0000", value, time.Minute); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Minute)
				fill(0)
			})
		})
	}
}
