package backend

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

func TestHealthLogsBeginAndEndOnce(t *testing.T) {
	log := &strings.Builder{}
	h := &health{log: slog.New(slog.NewTextHandler(log, nil))}
	wantLog := func(want ...string) {
		t.Helper()
		got := strings.TrimSpace(log.String())
		log.Reset()
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("log %q has no %q", got, w)
			}
		}
		if len(want) == 0 && got != "" {
			t.Errorf("log %q, want none", got)
		}
	}
	failure := &Error{Method: "OnEvent", Code: codes.Unavailable, Message: "refused"}
	now := time.Unix(0, 0)

	h.answered(t.Context(), now)
	wantLog()
	h.failed(t.Context(), now, failure)
	wantLog("level=WARN", "method=OnEvent", "code=Unavailable", "message=refused")
	h.failed(t.Context(), now.Add(time.Minute), failure)
	wantLog()
	h.answered(t.Context(), now.Add(time.Minute+calm/2))
	wantLog()
	h.answered(t.Context(), now.Add(time.Minute+calm))
	wantLog("level=INFO", "answers again")
	h.answered(t.Context(), now.Add(time.Hour))
	wantLog()
	h.failed(t.Context(), now.Add(time.Hour), failure)
	wantLog("level=WARN")
}
