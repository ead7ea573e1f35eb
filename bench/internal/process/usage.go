package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTick is the unit of the times in /proc, the same on every Linux that Go
// runs on.
const clockTick = 10 * time.Millisecond

// CPU is the processor time that the program has used so far. Only Linux tells.
func (p *Process) CPU() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
	if err != nil {
		return 0, err
	}
	// Fields 14 and 15, utime and stime (man proc_pid_stat), counted from
	// behind the name, which may hold anything.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat: %q", p.PID, stat)
	}
	user, userErr := strconv.Atoi(fields[11])
	system, systemErr := strconv.Atoi(fields[12])
	return time.Duration(user+system) * clockTick, errors.Join(userErr, systemErr)
}

// Metrics are the metrics without labels that the admin listener shows.
func (p *Process) Metrics(ctx context.Context) (map[string]float64, error) {
	metrics := map[string]float64{}
	err := p.get(ctx, "/metrics", func(body io.Reader) error {
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			name, value, _ := strings.Cut(lines.Text(), " ")
			if number, err := strconv.ParseFloat(value, 64); err == nil {
				metrics[name] = number
			}
		}
		return lines.Err()
	})
	return metrics, err
}

// CollectGarbage makes the program, whose profiles must be on, forget what it
// no longer uses.
func (p *Process) CollectGarbage(ctx context.Context) error {
	return p.get(ctx, "/debug/pprof/heap?gc=1", func(body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
}

func (p *Process) get(ctx context.Context, path string, read func(body io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Addresses["admin"]+path, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return read(response.Body)
}
