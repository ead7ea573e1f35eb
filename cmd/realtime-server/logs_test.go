package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// docs/operations.md says what to do about every line that the server logs as a
// warning or an error, and about no other.
func TestLogIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## What the log says\n")
	section, _, _ = strings.Cut(section, "\n## ")
	if !found {
		t.Fatal("the page has no section about the log")
	}
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (warn|error|info)").FindAllStringSubmatch(section, -1) {
		documented[row[1]] = true
	}
	logged := map[string]string{}
	for _, room := range []string{"authn", "cmd", "internal", "service", "sio"} {
		maps.Copy(logged, troublesLogged(t, filepath.Join("../..", room)))
	}
	for message, where := range logged {
		if !documented[message] {
			t.Errorf("%s logs %q, which the page does not explain", where, message)
		}
	}
	for message := range documented {
		if logged[message] == "" {
			t.Errorf("the page explains %q, which nobody logs", message)
		}
	}
}

// troublesLogged are the messages of all calls of slog below a directory that may
// be of level warn or error, and where they are.
func troublesLogged(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		if helper := slices.ContainsFunc(strings.Split(path, "/"), func(part string) bool {
			return part == "testenv" || part == "linktest" || part == "siotest" || part == "node_modules"
		}); helper {
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if message := troubleOf(call); message != "" {
					all[message] = files.Position(call.Pos()).String()
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// troubleOf is the message of a call that may log a warning or an error; "" of others.
func troubleOf(call *ast.CallExpr) string {
	of, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	at := map[string]int{"Warn": 0, "Error": 0, "WarnContext": 1, "ErrorContext": 1, "LogAttrs": 2, "Log": 2}
	i, logs := at[of.Sel.Name]
	if !logs || len(call.Args) <= i {
		return ""
	}
	if level, ok := call.Args[max(i-1, 0)].(*ast.SelectorExpr); ok && i == 2 &&
		(level.Sel.Name == "LevelInfo" || level.Sel.Name == "LevelDebug") {
		return ""
	}
	text, ok := call.Args[i].(*ast.BasicLit)
	if !ok || text.Kind != token.STRING {
		return ""
	}
	message, _ := strconv.Unquote(text.Value) // the parser has read it
	return message
}
