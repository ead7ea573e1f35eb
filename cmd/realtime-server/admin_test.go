package main

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// TestDebugging: what slows the process down, or shows its insides, is there
// only if the operator wants it.
func TestDebugging(t *testing.T) {
	for _, test := range []struct {
		method, path string
	}{
		{http.MethodGet, "/debug/pprof/cmdline"},
		{http.MethodPost, "/debug/memory/free"},
	} {
		for on, want := range map[bool]int{true: http.StatusOK, false: http.StatusNotFound} {
			answer := httptest.NewRecorder()
			request := httptest.NewRequestWithContext(t.Context(), test.method, test.path, http.NoBody)
			adminHandler(Admin{Pprof: on}, prometheus.NewRegistry(), &readiness{}, http.NotFoundHandler()).ServeHTTP(answer, request)
			if answer.Code != want {
				t.Errorf("%s %s with pprof %v: status %d, want %d", test.method, test.path, on, answer.Code, want)
			}
		}
	}
}
