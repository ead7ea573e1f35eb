package jwt

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of a JWK set. Those of the largest issuers are far below.
const (
	maxSetBytes = 256 << 10
	maxSetKeys  = 100
)

var (
	errClosed  = errors.New("the server ends")
	errTooOld  = errors.New("the keys are older than jwks.max_age")
	errTooBig  = errors.New("the JWK set is larger than 256 KiB or has more than 100 keys")
	errNoKeys  = errors.New("the JWK set has no key that can be used")
	errNoSet   = errors.New("the answer is no JWK set")
	errForward = errors.New("the answer is a redirect")
)

// Watch is who is told how the fetching of a JWK set, and the reading of changed
// files, goes.
type Watch struct {
	// Log gets one line when fetching begins to fail, and one when it works
	// again; and one for each change of a file.
	Log *slog.Logger
	// Fetches counts every fetch, by its label result: "ok" or "failed".
	Fetches *prometheus.CounterVec
	// Reloads counts changes of files with keys, in the same way.
	Reloads *prometheus.CounterVec
}

// remote is a JWK set that is fetched now and then. One goroutine fetches;
// whoever needs a key that is not there asks it to, and waits.
type remote struct {
	cfg    JWKS
	watch  Watch
	client *http.Client
	wake   chan struct{} // of room for one
	cancel context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	keys    []key
	fetched time.Time // when keys came
	tried   time.Time // when the last attempt ended
	last    *attempt  // the last one that ended, nil before
	next    *attempt  // the one that runs or is asked for; nil if none
}

// attempt is one fetch. err is set before done is closed.
type attempt struct {
	done chan struct{}
	err  error
}

func newRemote(cfg JWKS, trust *tls.Config, watch Watch) *remote {
	ctx, cancel := context.WithCancel(context.Background())
	r := &remote{
		cfg: cfg, watch: watch, wake: make(chan struct{}, 1), cancel: cancel, done: make(chan struct{}),
		client: &http.Client{
			Timeout: cfg.Timeout,
			Transport: &http.Transport{
				Proxy: http.ProxyFromEnvironment, TLSClientConfig: trust, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute,
			},
			// Who may say what our keys are stands in the configuration.
			CheckRedirect: func(*http.Request, []*http.Request) error { return errForward },
		},
	}
	go r.run(ctx)
	r.ask()
	return r
}

// trust is whom a fetch believes to be the issuer; nil means whomever the system
// does.
func (j JWKS) trust() (*tls.Config, error) {
	if j.URL == "" || j.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(j.CA)
	if err != nil {
		return nil, fmt.Errorf("jwks.ca: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("jwks.ca: %s holds no certificate", j.CA)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

func (r *remote) close() {
	r.cancel()
	<-r.done
	r.client.CloseIdleConnections()
}

func (r *remote) run(ctx context.Context) {
	defer close(r.done)
	timer := time.NewTimer(r.cfg.Refresh)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			if !r.wanted() { // a fetch that ran already has answered
				continue
			}
		case <-timer.C:
		}
		keys, err := r.fetch(ctx)
		if ctx.Err() != nil {
			return
		}
		r.end(ctx, keys, err)
		if err != nil {
			timer.Reset(r.cfg.MinInterval)
		} else {
			timer.Reset(r.cfg.Refresh)
		}
	}
}

// find returns the keys that may have signed a token. An error means that
// nobody can tell; no keys, that the issuer has none that fits.
func (r *remote) find(ctx context.Context, kid, alg string) ([]jwt.VerificationKey, error) {
	if found, err := r.known(kid, alg); len(found) > 0 && err == nil {
		return found, nil
	}
	a := r.ask()
	select {
	case <-a.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-r.done:
		return nil, errClosed
	}
	if a.err != nil {
		return nil, a.err
	}
	return r.known(kid, alg)
}

func (r *remote) known(kid, alg string) ([]jwt.VerificationKey, error) {
	r.mu.Lock()
	keys, age := r.keys, time.Since(r.fetched)
	r.mu.Unlock()
	if age > r.cfg.MaxAge {
		return nil, errTooOld
	}
	return fitting(keys, kid, alg), nil
}

// ask returns the next attempt, or the last one if it is not long ago: tokens
// with invented kids must not make us a burden to the issuer.
func (r *remote) ask() *attempt {
	r.mu.Lock()
	if r.next == nil && r.last != nil && time.Since(r.tried) < r.cfg.MinInterval {
		defer r.mu.Unlock()
		return r.last
	}
	if r.next == nil {
		r.next = &attempt{done: make(chan struct{})}
	}
	asked := r.next
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
	return asked
}

func (r *remote) wanted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next != nil
}

// end keeps what a fetch brought and tells those who wait for it.
func (r *remote) end(ctx context.Context, keys []key, err error) {
	r.mu.Lock()
	ended, before := r.next, r.last
	if ended == nil {
		ended = &attempt{done: make(chan struct{})}
	}
	ended.err = err
	r.next, r.last, r.tried = nil, ended, time.Now()
	if err == nil {
		r.keys, r.fetched = keys, r.tried
	}
	r.mu.Unlock()
	close(ended.done)
	r.tell(ctx, err, before)
}

func (r *remote) tell(ctx context.Context, err error, before *attempt) {
	failedBefore := before != nil && before.err != nil
	result := "ok"
	switch {
	case err != nil:
		result = "failed"
		if !failedBefore {
			r.watch.Log.LogAttrs(ctx, slog.LevelWarn, "JWK set cannot be fetched", slog.String("error", err.Error()))
		}
	case failedBefore:
		r.watch.Log.LogAttrs(ctx, slog.LevelInfo, "JWK set fetched again")
	}
	r.watch.Fetches.WithLabelValues(result).Inc()
}

func (r *remote) fetch(ctx context.Context) ([]key, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, r.cfg.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, bareError(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxSetBytes+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxSetBytes {
		return nil, errTooBig
	}
	return parseSet(body)
}

// bareError leaves out the URL, which may hold a password.
func bareError(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// parseSet returns the keys of a JWK set that can be used here. RFC 7517, 5
// wants others to be ignored.
func parseSet(body []byte) ([]key, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, errNoSet
	}
	if len(set.Keys) > maxSetKeys {
		return nil, errTooBig
	}
	var keys []key
	for _, text := range set.Keys {
		if k, err := parseJWK(text); err == nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil, errNoKeys
	}
	return keys, nil
}

var errUnused = errors.New("is not for signatures, or secret")

// parseJWK hands to the library only what makes a public key: certificates,
// which it would check or even fetch, and private parts are not our matter.
func parseJWK(text []byte) (key, error) {
	var all jwkset.JWKMarshal
	if err := json.Unmarshal(text, &all); err != nil {
		return key{}, err
	}
	if all.KTY == jwkset.KtyOct || all.USE != "" && all.USE != jwkset.UseSig {
		return key{}, errUnused
	}
	public := jwkset.JWKMarshal{KTY: all.KTY, CRV: all.CRV, N: all.N, E: all.E, X: all.X, Y: all.Y}
	parsed, err := jwkset.NewJWKFromMarshal(public, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, err
	}
	if all.ALG != "" {
		return newKey(all.KID, parsed.Key(), all.ALG.String())
	}
	return newKey(all.KID, parsed.Key())
}
