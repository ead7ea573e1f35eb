package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"
	"google.golang.org/grpc/health"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	"github.com/seed52a35d2d/realtime-server/authn/jwt"
	"github.com/seed52a35d2d/realtime-server/authn/outage"
	"github.com/seed52a35d2d/realtime-server/authn/ticket"
	"github.com/seed52a35d2d/realtime-server/internal/backend"
	"github.com/seed52a35d2d/realtime-server/internal/reload"
	"github.com/seed52a35d2d/realtime-server/service"
	"github.com/seed52a35d2d/realtime-server/service/bridge"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// root is the top of the repository.
const root = "../.."

func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// row is a line of a table: its cells, and the heading that it stands below.
type row struct {
	heading string
	cells   []string
}

// rows are the lines of all tables of a page whose head begins with a cell.
func rows(t *testing.T, name, head string) []row {
	t.Helper()
	var found []row
	heading, inside := "", false
	for line := range strings.Lines(page(t, name)) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			heading = title
		}
		if !strings.HasPrefix(line, "|") {
			inside = false
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == head:
			inside = true
		case inside && strings.Trim(line, "|-") != "":
			found = append(found, row{heading, cells})
		}
	}
	if len(found) == 0 {
		t.Fatalf("%s has no table with the head %q", name, head)
	}
	return found
}

// ---- configuration.md

// documentedKey is what a row of configuration.md says.
type documentedKey struct{ Section, Setters, Default string }

func TestConfigurationPage(t *testing.T) {
	want := map[string]documentedKey{}
	for key := range configKeys(reflect.TypeFor[Config](), "") {
		section, _, nested := strings.Cut(key, ".")
		switch {
		case key == "backends":
			section = "Routes of events"
		case !nested && key != "namespaces":
			section = "General"
		}
		want[key] = documentedKey{section, setters(key), defaultOf(t, defaultConfig(), key)}
	}
	for key := range configKeys(reflect.TypeFor[Namespace](), "") {
		want["namespaces.<name>."+key] = documentedKey{"namespaces", "–", defaultOf(t, Namespace{}, key)}
	}
	for key := range configKeys(reflect.TypeFor[Route](), "") {
		want["routes[]."+key] = documentedKey{"Routes of events", "–", defaultOf(t, Route{}, key)}
	}
	for prefix, part := range map[string]any{
		"namespaces.<name>.jwt.": jwt.Config{}.WithDefaults(), "namespaces.<name>.jwt.keys[].": jwt.Key{},
		"namespaces.<name>.event_mode.": service.EventMode{}.WithDefaults(), "namespaces.<name>.join.": service.JoinConfig{}.WithDefaults(),
	} {
		for key := range configKeys(reflect.TypeOf(part), "") {
			want[prefix+key] = documentedKey{strings.Split(prefix, ".")[2], "–", defaultOf(t, part, key)}
		}
	}
	maps.Copy(want, documentedCallers(t))
	for key := range configKeys(reflect.TypeFor[outage.Config](), "") {
		want["namespaces.<name>.outage."+key] = documentedKey{"outage", "–", defaultOf(t, outage.Config{}.WithDefaults(), key)}
	}
	at := ticket.Config{}.WithDefaults()
	for key := range configKeys(reflect.TypeOf(at), "") {
		want["namespaces.<name>.ticket."+key] = documentedKey{"ticket", "–", defaultOf(t, at, key)}
	}
	got := map[string]documentedKey{}
	for _, r := range rows(t, "docs/configuration.md", "Key") {
		key := strings.Trim(r.cells[0], "`")
		if _, twice := got[key]; twice {
			t.Errorf("%s is documented twice", key)
		}
		if len(r.cells) != 5 || r.cells[3] == "" || r.cells[4] == "" {
			t.Errorf("%s lacks a unit or a meaning", key)
			continue
		}
		got[key] = documentedKey{r.heading, r.cells[1], strings.Trim(r.cells[2], "`")}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

// documentedCallers are the settings of a key, and those that an identity has
// beside the same.
func documentedCallers(t *testing.T) map[string]documentedKey {
	t.Helper()
	all := map[string]documentedKey{"grpc.api_keys.<name>.key": {"Callers", "–", `""`}}
	grant := configKeys(reflect.TypeFor[authority.Grant](), "")
	for key := range grant {
		all["grpc.api_keys.<name>."+key] = documentedKey{"Callers", "–", defaultOf(t, authority.Grant{}, key)}
	}
	for key := range configKeys(reflect.TypeFor[authority.Identity](), "") {
		if _, shared := grant[key]; !shared {
			all["grpc.identities.<name>."+key] = documentedKey{"Callers", "–", `""`}
		}
	}
	return all
}

// setters are the variable and the flag of a key, as they stand on the page.
func setters(key string) string {
	text := "`" + envName(key) + "`"
	if key == "dev" {
		text += ", `--dev`"
	}
	for _, s := range shorthands {
		if s.key == key {
			text += ", `--" + s.flag + "`"
		}
	}
	return text
}

// defaultOf is the value of a key, as it would stand in a file.
func defaultOf(t *testing.T, cfg any, key string) string {
	t.Helper()
	text, err := yaml.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	node := document.Content[0]
	for name := range strings.SplitSeq(key, ".") {
		i := slices.IndexFunc(node.Content, func(n *yaml.Node) bool { return n.Value == name })
		if i < 0 {
			t.Fatalf("the configuration has no %s", key)
		}
		node = node.Content[i+1]
	}
	node.Style |= yaml.FlowStyle
	value, err := yaml.Marshal(node)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(value))
}

func TestFlagsOnThePage(t *testing.T) {
	var usage strings.Builder
	if _, err := parseCommand([]string{"--help"}, &usage); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	setsAKey := []string{"dev"} // and stands in the tables of keys
	for _, s := range shorthands {
		setsAKey = append(setsAKey, s.flag)
	}
	want := []string{"help"} // which lists all others
	for _, found := range regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(usage.String(), -1) {
		if !slices.Contains(setsAKey, found[1]) {
			want = append(want, found[1])
		}
	}
	var got []string
	for _, r := range rows(t, "docs/configuration.md", "Flag") {
		name, _, _ := strings.Cut(strings.Trim(r.cells[0], "-`"), " ")
		got = append(got, name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

// ---- metrics.md

// documentedMetric is what a row of metrics.md says.
type documentedMetric struct{ Type, Labels string }

func documentedMetrics(t *testing.T) map[string]documentedMetric {
	t.Helper()
	all := map[string]documentedMetric{}
	for _, r := range rows(t, "docs/metrics.md", "Metric") {
		name := strings.Trim(r.cells[0], "`")
		if _, twice := all[name]; twice || len(r.cells) != 4 || r.cells[3] == "" {
			t.Errorf("%s is documented twice, or lacks a meaning", name)
		}
		all[name] = documentedMetric{r.cells[1], strings.ReplaceAll(r.cells[2], "`", "")}
	}
	return all
}

// recorder registers collectors and remembers what they describe.
type recorder struct {
	prometheus.Registerer
	t   *testing.T
	all map[string]documentedMetric
}

func (r *recorder) Register(c prometheus.Collector) error {
	descs := make(chan *prometheus.Desc)
	go func() {
		c.Describe(descs)
		close(descs)
	}()
	for desc := range descs {
		name, labels := parseDesc(r.t, desc)
		r.all[name] = documentedMetric{kindOf(c, name), labels}
	}
	return r.Registerer.Register(c)
}

func (r *recorder) MustRegister(collectors ...prometheus.Collector) {
	for _, c := range collectors {
		if err := r.Register(c); err != nil {
			r.t.Fatal(err)
		}
	}
}

var descPattern = regexp.MustCompile(`^Desc\{fqName: "([^"]+)", .*variableLabels: \{([^}]*)\}\}$`)

func parseDesc(t *testing.T, desc *prometheus.Desc) (name, labels string) {
	t.Helper()
	found := descPattern.FindStringSubmatch(desc.String())
	if found == nil {
		t.Fatalf("cannot read %v", desc)
	}
	if found[2] == "" {
		return found[1], "–"
	}
	return found[1], strings.ReplaceAll(found[2], ",", ", ")
}

// kindOf is the type of a metric. A collector of several has names that say
// it; TestScrapedMetricsAreDocumented sees what they really are.
func kindOf(c prometheus.Collector, name string) string {
	switch c.(type) {
	case prometheus.Gauge, *prometheus.GaugeVec: // a Gauge is a Counter too
		return "gauge"
	case prometheus.Counter, *prometheus.CounterVec:
		return "counter"
	case prometheus.Histogram, *prometheus.HistogramVec:
		return "histogram"
	}
	switch {
	case strings.HasSuffix(name, "_seconds"):
		return "histogram"
	case strings.HasSuffix(name, "_total"):
		return "counter"
	}
	return "gauge"
}

// TestMetricsPage has the functions that build uses register their metrics
// with a recorder: vectors are described before anything was counted.
func TestMetricsPage(t *testing.T) {
	r := &recorder{Registerer: prometheus.NewRegistry(), t: t, all: map[string]documentedMetric{}}
	cfg, log := devConfig(t), slog.New(slog.DiscardHandler)
	cfg.SocketIO.Recovery.Enabled, cfg.SocketIO.Recovery.Store = true, sio.StoreRedis
	cfg.Backend.Target, cfg.Backend.Attach = "", "chat"
	p := &parts{health: health.NewServer(), ready: &readiness{}, log: log, files: reload.New(log, r)}
	p.attach = buildAttach(cfg, "", log, r)
	policies, err := p.buildPolicies(cfg, backend.Node{}, log, r)
	if err != nil {
		t.Fatal(err)
	}
	p.gateway = service.NewGateway(policies, cfg.API, log, r)
	if p.sockets, err = sio.New(cfg.SocketIO, p.gateway, log, r); err != nil {
		t.Fatal(err)
	}
	end(t, p)
	bridge.New(bridge.Params{Metrics: r})
	p.api = service.New(p.sockets, cfg.API, "", log)
	if p.grpc, err = p.buildGRPC(cfg, log, r); err != nil {
		t.Fatal(err)
	}
	cfg.Redis.Addresses = []string{"127.0.0.1:1"}
	if err := p.joinCluster(cfg, "node", sio.NewInterest(), log, r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.leaveCluster)
	if diff := cmp.Diff(r.all, documentedMetrics(t)); diff != "" {
		t.Errorf("(-code +page):\n%s", diff)
	}
}

// TestScrapedMetricsAreDocumented asks the real door, after a little traffic.
func TestScrapedMetricsAreDocumented(t *testing.T) {
	p := built(t, devConfig(t))
	get(p.browsers.Handler, "/socket.io/?EIO=4&transport=polling")
	get(p.browsers.Handler, "/socket.io/")
	documented, seen := documentedMetrics(t), 0
	scraped := get(p.admin.Handler, "/metrics").Body.String()
	for _, found := range regexp.MustCompile(`(?m)^# TYPE (\w+) (\w+)$`).FindAllStringSubmatch(scraped, -1) {
		name, kind := found[1], found[2]
		if foreign.MatchString(name) {
			continue
		}
		seen++
		if documented[name].Type != kind {
			t.Errorf("%s is a %s, the page says %q", name, kind, documented[name].Type)
		}
	}
	if seen < 10 {
		t.Errorf("only %d metrics of ours were seen", seen)
	}
}

// foreign are the metrics that the page mentions by their prefixes only.
var foreign = regexp.MustCompile(`^(go|process|promhttp)_`)

// ---- api.md: what browsers see before a session

func TestEngineErrorsOnThePage(t *testing.T) {
	p := built(t, devConfig(t, "--set", "socketio.cors.origins=https://ours.example"))
	const polling = "/socket.io/?EIO=4&transport=polling"
	got := map[string]string{}
	for want, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4", nil),
		httptest.NewRequest(http.MethodGet, polling+"&sid=gone", nil),
		httptest.NewRequest(http.MethodPost, polling, nil),
		httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=websocket", nil),
		httptest.NewRequest(http.MethodGet, polling, nil),
		httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=3&transport=polling", nil),
	} {
		if want == 4 {
			r.Header.Set("Origin", "https://theirs.example")
		}
		status, message := refusal(t, p, r, want)
		got[fmt.Sprint(want)] = message
		if status != http.StatusBadRequest && (want != 4 || status != http.StatusForbidden) {
			t.Errorf("code %d has status %d", want, status)
		}
	}
	for want, limit := range map[int]string{6: "max_handshakes_per_second", 7: "max_connections"} {
		p := built(t, devConfig(t, "--set", "socketio."+limit+"=1"))
		get(p.browsers.Handler, polling) // the only one that comes in
		status, message := refusal(t, p, httptest.NewRequest(http.MethodGet, polling, nil), want)
		got[fmt.Sprint(want)] = message
		if status != http.StatusServiceUnavailable {
			t.Errorf("code %d has status %d", want, status)
		}
	}
	for want, url := range map[int]string{8: "http://127.0.0.1:1/no-set", 9: "http://127.0.0.1:1/"} {
		const section = `{jwks: {url: '%s'}, keys: [{secret: 0123456789abcdef0123456789abcdef}], token: {query: token}}`
		cfg := sound(t, fmt.Sprintf("namespaces: {/: {jwt: "+section+"}}", url), nil, "--dev",
			"--set", "http.handshake_auth=/", "--set", "socketio.close_timeout=1ms")
		token := map[int]string{8: "x", 9: "eyJhbGciOiJFZERTQSJ9.e30.AAAA"}[want] // the second is of a key that may be in the set
		status, message := refusal(t, built(t, cfg), httptest.NewRequest(http.MethodGet, polling+"&token="+token, nil), want)
		got[fmt.Sprint(want)] = message
		if status != map[int]int{8: http.StatusUnauthorized, 9: http.StatusServiceUnavailable}[want] {
			t.Errorf("code %d has status %d", want, status)
		}
	}
	said := map[string]string{}
	for _, r := range rows(t, "docs/api.md", "Code") {
		if r.heading == "Before a session" {
			said[r.cells[0]] = strings.Trim(r.cells[1], "`")
		}
	}
	if diff := cmp.Diff(got, said); diff != "" {
		t.Errorf("(-door +page):\n%s", diff)
	}
}

// refusal makes a request that is refused with a code.
func refusal(t *testing.T, p *parts, r *http.Request, code int) (status int, message string) {
	t.Helper()
	w := httptest.NewRecorder()
	p.browsers.Handler.ServeHTTP(w, r)
	var told struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &told); err != nil || told.Code != code {
		t.Errorf("%s %s: %s, want code %d", r.Method, r.URL, w.Body, code)
	}
	return w.Code, told.Message
}

// ---- all pages

// pages are all Markdown files of the repository that we wrote.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "docs/*/*.md", "examples/*/*.md"} {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			name, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, name)
		}
	}
	if !slices.Contains(all, "README.md") || !slices.Contains(all, filepath.Join("docs", "api.md")) {
		t.Fatalf("found only %q", all)
	}
	return all
}

var linkPattern = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range pages(t) {
		for _, link := range linkPattern.FindAllStringSubmatch(page(t, name), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			path, anchor, _ := strings.Cut(link[1], "#")
			to := name
			if path != "" {
				to = filepath.Join(filepath.Dir(name), path)
			}
			if _, err := os.Stat(filepath.Join(root, to)); err != nil {
				t.Errorf("%s: %s leads nowhere", name, link[1])
				continue
			}
			if anchor != "" && !slices.Contains(anchors(page(t, to)), anchor) {
				t.Errorf("%s: %s has no heading for #%s", name, to, anchor)
			}
		}
	}
}

// anchors are the names of a page's headings in links.
func anchors(text string) []string {
	var all []string
	for line := range strings.Lines(text) {
		if title := strings.TrimLeft(line, "#"); title != line {
			words := strings.ToLower(strings.TrimSpace(title))
			words = regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(words, "")
			all = append(all, strings.ReplaceAll(words, " ", "-"))
		}
	}
	return all
}

// blocks are the code blocks of a language on a page.
func blocks(t *testing.T, name, language string) []string {
	t.Helper()
	var all []string
	for _, block := range strings.Split(page(t, name), "```"+language+"\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		all = append(all, code)
	}
	return all
}

func TestExampleFilesLoad(t *testing.T) {
	for name, n := range map[string]int{"README.md": 1, "docs/configuration.md": 6, "docs/ignis.md": 1} {
		all := blocks(t, name, "yaml")
		if len(all) != n {
			t.Errorf("%s has %d files, want %d", name, len(all), n)
		}
		for _, file := range all {
			if _, err := load(t, file, []string{anAPIKey}); err != nil {
				t.Errorf("%s: %v\n%s", name, err, file)
			}
		}
	}
}

var grpcurlPattern = regexp.MustCompile(`(?s)grpcurl -plaintext -d '([^']*)' \\?\s*localhost:50051 realtime\.v1\.Realtime/(\w+)`)

// TestGRPCurlLines reads what the pages want readers to send.
func TestGRPCurlLines(t *testing.T) {
	const first = `grpcurl -plaintext -d '{"target":{"rooms":["news"]},"event":{"name":"notification","args":[{"value":{"message":"Hello"}}]}}' localhost:50051 realtime.v1.Realtime/Send` + "\n"
	if !strings.Contains(page(t, "README.md"), first) {
		t.Error("README.md lacks the line that demo pages and talks repeat")
	}
	seen := 0
	for _, name := range pages(t) {
		text := page(t, name)
		lines := grpcurlPattern.FindAllStringSubmatch(text, -1)
		if n := strings.Count(text, "grpcurl -plaintext -d"); n != len(lines) {
			t.Errorf("%s: %d of %d lines were understood", name, len(lines), n)
		}
		for _, line := range lines {
			seen++
			if err := asRequest(line[2], line[1]); err != nil {
				t.Errorf("%s: %v\n%s", name, err, line[0])
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d lines were seen", seen)
	}
}

// asRequest reads JSON as the request of a method of Realtime.
func asRequest(method, text string) error {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName("realtime.v1.Realtime." + method))
	if err != nil {
		return err
	}
	return protojson.Unmarshal([]byte(text), dynamicpb.NewMessage(d.(protoreflect.MethodDescriptor).Input()))
}

// TestProgramsCompile builds the Go programs of the README as a reader would.
func TestProgramsCompile(t *testing.T) {
	programs := blocks(t, "README.md", "go")
	if len(programs) != 1 {
		t.Fatalf("README.md has %d programs", len(programs))
	}
	dir := t.TempDir()
	source := filepath.Join(dir, "backend.go")
	if err := os.WriteFile(source, []byte(programs[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "backend"), source)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// ---- the real parts

func devConfig(t *testing.T, args ...string) *Config {
	t.Helper()
	return sound(t, "", nil, append([]string{"--dev", "--backend", "localhost:1", "--set", "socketio.close_timeout=1ms"}, args...)...)
}

// built is the server as it is before it serves. Its end comes with that of
// the test.
func built(t *testing.T, cfg *Config) *parts {
	t.Helper()
	p, err := build(cfg, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	end(t, p)
	return p
}

func end(t *testing.T, p *parts) {
	t.Helper()
	t.Cleanup(func() {
		p.sockets.Close(context.Background())
		p.closeAttach(context.Background())
		p.gateway.Close()
		for _, b := range p.backends {
			_ = b.Close() // its calls have ended
		}
		for _, a := range p.tokens {
			a.Close()
		}
	})
}

func get(handler http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w
}
