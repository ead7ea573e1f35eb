package report

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
)

// Machine is where a run took place.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	Go     string `json:"go"`
	Node   string `json:"node,omitempty"`
	Redis  string `json:"redis,omitempty"`
}

// String is made for people.
func (m Machine) String() string {
	text := fmt.Sprintf("Linux %s, %d cores (%s), %s", m.Kernel, m.Cores, m.CPU, m.Go)
	if m.Node != "" {
		text += ", Node " + m.Node
	}
	if m.Redis != "" {
		text += ", Redis " + m.Redis
	}
	return text + ", loopback"
}

// ThisMachine asks Linux, and node for its version if wanted.
func ThisMachine(ctx context.Context, node bool) (Machine, error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return Machine{}, err
	}
	// What follows the number is the name of whoever built it.
	kernel, _, _ := strings.Cut(strings.TrimSpace(string(release)), "-")
	m := Machine{CPU: cpu(), Cores: runtime.NumCPU(), Kernel: kernel, Go: runtime.Version()}
	if !node {
		return m, nil
	}
	version, err := exec.CommandContext(ctx, "node", "--version").Output()
	m.Node = strings.TrimPrefix(strings.TrimSpace(string(version)), "v")
	return m, err
}

func cpu() string {
	info, _ := os.ReadFile("/proc/cpuinfo")
	_, rest, found := strings.Cut(string(info), "model name")
	if !found {
		return runtime.GOARCH
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(strings.TrimLeft(line, "\t :"))
}
