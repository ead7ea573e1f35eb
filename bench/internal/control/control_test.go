package control

import (
	"errors"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestDoor(t *testing.T) {
	var mu sync.Mutex
	got := map[string]bool{}
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		got[what] = true
	}
	server := httptest.NewServer(&Server{
		Broadcast: func(number int, text string) error { note(strconv.Itoa(number) + text); return nil },
		End:       func() error { note("end"); return errors.New("no") },
	})
	defer server.Close()
	door := Door{strings.TrimPrefix(server.URL, "http://")}
	if err := door.Broadcast(t.Context(), Order{First: 7, Count: 2, Bytes: 3, Parallel: 2}); err != nil {
		t.Error(err)
	}
	if err := door.Collect(t.Context()); err != nil {
		t.Error(err)
	}
	if err := door.End(t.Context()); err == nil {
		t.Error("a failure is not told")
	}
	if len(got) != 3 || !got["7xxx"] || !got["8xxx"] || !got["end"] {
		t.Errorf("%v", got)
	}
}
