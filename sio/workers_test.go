package sio

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// chore is a task that takes until it is closed.
type chore chan struct{}

func (c chore) do(context.Context, *Socket) { <-c }

// employing gives n new sockets a chore each.
func employing(server *Server, n int) chore {
	c := make(chore)
	for range n {
		(&Socket{conn: &conn{server: server}}).postAlone(c)
	}
	return c
}

func TestWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &Server{ctx: t.Context()}
		w := &server.workers
		waiting := func(want int, when string) {
			t.Helper()
			synctest.Wait()
			w.mu.Lock()
			defer w.mu.Unlock()
			if len(w.waiting) != want {
				t.Errorf("%s, %d workers wait, want %d", when, len(w.waiting), want)
			}
		}
		long := employing(server, 10)
		close(employing(server, 5))
		waiting(5, "while ten are busy")
		close(long)
		waiting(15, "with nothing to do")
		for range 40 {
			time.Sleep(workerPatience / 10)
			close(employing(server, 2))
		}
		waiting(2, "where two are needed now and then")
		time.Sleep(2 * workerPatience)
		waiting(0, "after a while")
		busy := employing(server, 3)
		close(employing(server, 1))
		waiting(1, "in the end")
		close(busy)
		server.wg.Wait()
		w.close()
		waiting(0, "when closed")
	})
}

// TestWorkersCloseAsTheReaperComes: whichever of them is first.
func TestWorkersCloseAsTheReaperComes(t *testing.T) {
	for range 200 {
		synctest.Test(t, func(t *testing.T) {
			server := &Server{ctx: t.Context()}
			close(employing(server, 3))
			synctest.Wait()
			time.Sleep(workerPatience)
			server.wg.Wait()
			server.workers.close()
		})
	}
}
