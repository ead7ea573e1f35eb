package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/seed52a35d2d/realtime-server/sio/engineio"
)

var quoted = regexp.MustCompile("`([^`]+)`")

// TestLimitsOnThePage holds the table of hardening.md against the
// configuration, the reasons and the metrics.
func TestLimitsOnThePage(t *testing.T) {
	keys := configKeys(reflect.TypeFor[Config](), "")
	metrics := documentedMetrics(t)
	var listed, reasons []string
	for _, r := range rows(t, "docs/hardening.md", "Limit") {
		for _, key := range quoted.FindAllStringSubmatch(r.cells[1], -1) {
			listed = append(listed, key[1])
			if _, known := keys["socketio."+key[1]]; !known {
				t.Errorf("%s: there is no socketio.%s", r.cells[0], key[1])
			}
		}
		reason := strings.Trim(r.cells[3], "`")
		for _, found := range quoted.FindAllStringSubmatch(r.cells[4], -1) {
			if _, known := metrics[found[1]]; strings.HasPrefix(found[1], "realtime_") && !known {
				t.Errorf("%s: there is no %s", r.cells[0], found[1])
			}
		}
		if reason == "–" {
			if !strings.Contains(r.cells[4], "realtime_") && !strings.HasPrefix(r.cells[4], "The same") {
				t.Errorf("%s has neither a reason nor a counter", r.cells[0])
			}
			continue
		}
		reasons = append(reasons, reason)
	}
	for _, reason := range []engineio.Reason{
		engineio.SlowConsumer, engineio.PayloadTooLarge, engineio.TooManyPackets, engineio.RateLimit, engineio.ConnectTimeout,
		engineio.TooManyAttachments, engineio.PayloadTooDeep, engineio.EventNameTooLong,
	} {
		if !slices.Contains(reasons, reason.String()) {
			t.Errorf("the table lacks %q", reason)
		}
		reasons = slices.DeleteFunc(reasons, func(listed string) bool { return listed == reason.String() })
	}
	if len(reasons) > 0 {
		t.Errorf("the table has reasons that are none of a limit: %q", reasons)
	}
	for field := range reflect.TypeFor[engineio.Limits]().Fields() {
		if key := field.Tag.Get("yaml"); !slices.Contains(listed, key) {
			t.Errorf("the table lacks %s", key)
		}
	}
}

// TestNamedTestsExist looks for every test that hardening.md names.
func TestNamedTestsExist(t *testing.T) {
	exists := map[string]bool{}
	function := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	for _, folder := range []string{"sio", "authn", "service", "internal", "cmd", "test/interop"} {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			exists[entry.Name()] = true
			if !strings.HasSuffix(path, "_test.go") {
				return nil
			}
			text, err := os.ReadFile(path)
			for _, found := range function.FindAllSubmatch(text, -1) {
				exists[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	named := 0
	for _, r := range rows(t, "docs/hardening.md", "Failure") {
		for _, test := range quoted.FindAllStringSubmatch(r.cells[2], -1) {
			named++
			if !exists[test[1]] {
				t.Errorf("%s: there is no %s", r.cells[0], test[1])
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d tests are named", named)
	}
}
