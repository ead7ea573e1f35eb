package siotest

import "os"

// EventLoop is what tests over real sockets set Config.EventLoop to. The
// environment variable TEST_EVENT_LOOP=false runs them all without it.
func EventLoop() bool { return os.Getenv("TEST_EVENT_LOOP") != "false" }
