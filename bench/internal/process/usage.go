package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed52a35d2d/realtime-server/bench/internal/control"
)

// CPU is the processor time that the program's threads have used so far. Only
// Linux tells.
func (p *Process) CPU() (time.Duration, error) { return CPU(p.PID) }

// CPU is the processor time that the threads of a process have used so far.
// Only Linux tells.
func CPU(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	var all time.Duration
	for _, thread := range threads {
		stat, err := os.ReadFile(thread)
		if errors.Is(err, os.ErrNotExist) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		used, _, _ := strings.Cut(string(stat), " ") // nanoseconds
		n, err := strconv.ParseInt(used, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", thread, err)
		}
		all += time.Duration(n)
	}
	if all == 0 {
		return 0, fmt.Errorf("process %d has used no time", pid)
	}
	return all, nil
}

// Resident is the memory that the program has in use now, in bytes, after it has
// given back what it can, if it knows how to be asked. Only Linux tells.
func (p *Process) Resident(t *testing.T) int {
	t.Helper()
	var err error
	switch {
	case p.Addresses["admin"] != "":
		err = p.CollectGarbage(t.Context())
	case p.Addresses["control"] != "":
		err = control.Door{Address: p.Addresses["control"]}.Collect(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := p.ResidentNow()
	if err != nil {
		t.Fatal(err)
	}
	return bytes
}

// ResidentNow is the memory that the program has in use now, in bytes, its
// garbage included. Only Linux tells.
func (p *Process) ResidentNow() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.Atoi(strings.Fields(rest + " ?")[0])
	return kilobytes << 10, err
}

// Metrics are the metrics that the admin listener shows, with their labels.
func (p *Process) Metrics(ctx context.Context) (map[string]float64, error) {
	metrics := map[string]float64{}
	err := p.get(ctx, "/metrics", func(body io.Reader) error {
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			line := lines.Text()
			space := strings.LastIndexByte(line, ' ') // a label may hold others
			if number, err := strconv.ParseFloat(line[space+1:], 64); err == nil && space >= 0 {
				metrics[line[:space]] = number
			}
		}
		return lines.Err()
	})
	return metrics, err
}

// CollectGarbage makes the program, whose profiles must be on, forget what it
// no longer uses, and give its memory back.
func (p *Process) CollectGarbage(ctx context.Context) error {
	return p.ask(ctx, http.MethodPost, "/debug/memory/free", func(io.Reader) error { return nil })
}

func (p *Process) get(ctx context.Context, path string, read func(body io.Reader) error) error {
	return p.ask(ctx, http.MethodGet, path, read)
}

func (p *Process) ask(ctx context.Context, method, path string, read func(body io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+p.Addresses["admin"]+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return read(response.Body)
}
