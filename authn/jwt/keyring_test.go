package jwt_test

import (
	"bytes"
	"crypto/elliptic"
	"encoding/pem"
	"log/slog"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gojwt "github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/seed52a35d2d/realtime-server/authn/jwt"
)

// lookAgain lets as much time pass as the server may take to see that a file has
// changed.
func lookAgain() {
	time.Sleep(2 * time.Second)
	synctest.Wait()
}

func write(tb testing.TB, path, text string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestFilesAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		watch := quiet()
		watch.Log = slog.New(slog.NewTextHandler(&log, nil))
		secret, pem := file(t, theSecret), file(t, public(t, edKey(t).Public()))
		a := watching(t, jwt.Config{Keys: []jwt.Key{{ID: "s", SecretFile: secret}, {ID: "p", PEMFile: pem}}}, watch)
		before, after := secretly("s"), signer{gojwt.SigningMethodHS384, []byte(otherSecret), "s"}
		accepted(t, a, before.sign(t, good()))
		lookAgain()
		accepted(t, a, before.sign(t, good()))
		reloads := func(ok, failed float64) {
			t.Helper()
			for result, want := range map[string]float64{"ok": ok, "failed": failed} {
				if got := testutil.ToFloat64(watch.Reloads.WithLabelValues(result)); got != want {
					t.Errorf("%v reloads %s, want %v", got, result, want)
				}
			}
		}
		reloads(0, 0)

		write(t, secret, otherSecret+"\n")
		accepted(t, a, before.sign(t, good()))
		lookAgain()
		accepted(t, a, after.sign(t, good()))
		refused(t, a, bearing(before.sign(t, good())), jwt.CodeInvalid)
		reloads(1, 0)

		// What makes no key changes nothing, and is told once.
		for _, broken := range []func(){
			func() { write(t, secret, "short") },
			func() { write(t, secret, "") },
			func() { _ = os.Remove(secret) },
		} {
			broken()
			lookAgain()
			lookAgain()
			accepted(t, a, after.sign(t, good()))
		}
		reloads(1, 3)
		write(t, secret, theSecret)
		lookAgain()
		accepted(t, a, before.sign(t, good()))
		reloads(2, 3)

		// The key may become one of another kind.
		key := ecKey(t, elliptic.P256())
		write(t, pem, public(t, key.Public()))
		lookAgain()
		accepted(t, a, signer{gojwt.SigningMethodES256, key, "p"}.sign(t, good()))
		reloads(3, 3)
		if lines := strings.Count(log.String(), "\n"); lines != 6 || strings.Contains(log.String(), theSecret) || strings.Contains(log.String(), "short\"") {
			t.Errorf("%d lines, or a secret:\n%s", lines, &log)
		}
	})
}

// A set may come from a server that only a private authority vouches for.
func TestPrivateAuthority(t *testing.T) {
	known := ed(t, "known")
	server := httptest.NewUnstartedServer(publishing(t, known))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	defer server.Close()
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	cfg := jwt.JWKS{URL: server.URL, MinInterval: time.Hour, Refresh: time.Hour, CA: ca}
	accepted(t, checking(t, jwt.Config{JWKS: cfg}), known.sign(t, good()))

	cfg.CA = ""
	r := refused(t, checking(t, jwt.Config{JWKS: cfg}), bearing(known.sign(t, good())), jwt.CodeKeysUnavailable)
	if !strings.Contains(r.Error(), "certificate") {
		t.Errorf("%q does not say why", r)
	}
}
