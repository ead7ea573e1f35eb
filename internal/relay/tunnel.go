package relay

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// errTunnelled ends a ReverseProxy whose connection has become a WebSocket. Its
// own way to do that would wait for ever for a client that has vanished, and
// has 64 KiB of buffers for each.
var errTunnelled = errors.New("upgraded")

// pieceSize is how much of a WebSocket's bytes is on its way at once.
const pieceSize = 4 << 10

// tunnel carries a WebSocket until both its sides have ended, or either is
// overdue.
func (f *forwarding) tunnel(res *http.Response) error {
	owner, ok := res.Body.(io.ReadWriteCloser)
	if !ok {
		return fmt.Errorf("an answer with status %d that cannot be written to", res.StatusCode)
	}
	client, rw, err := http.NewResponseController(f.w).Hijack()
	if err != nil {
		return err
	}
	ctx, cut := f.req.Context(), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(cut)
		_ = owner.Close()
		_ = client.Close()
	})
	defer func() {
		if !stop() {
			<-cut
		}
		_ = owner.Close()
		_ = client.Close()
	}()
	f.relay.becomesWebSocket(f.call)
	patient := patientConn{client, f.relay.patience}
	if agree(res, rw, patient) == nil {
		f.pump(owner, rw.Reader, patient)
	}
	return errTunnelled
}

// agree gives the client the owner's answer to its handshake.
func agree(res *http.Response, rw *bufio.ReadWriter, client io.Writer) error {
	rw.Writer.Reset(client)
	head := *res
	head.Body = nil
	return errors.Join(head.Write(rw), rw.Flush())
}

// pump carries bytes both ways. What came early from the client is in fromClient.
func (f *forwarding) pump(owner io.ReadWriter, fromClient io.Reader, client patientConn) {
	var toOwner sync.WaitGroup
	toOwner.Go(func() {
		carry(owner, fromClient)
		f.half(owner)
	})
	carry(client, owner)
	f.half(client.Conn)
	toOwner.Wait()
}

// carry copies without the shortcuts of io.Copy: an idle WebSocket would hold
// a large buffer, or a pipe of the kernel.
func carry(to io.Writer, from io.Reader) {
	// How it ends is for the two sides to say.
	_, _ = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, pieceSize))
}

// half tells one side that nothing comes from the other any more, and gives it
// little time to end as well.
func (f *forwarding) half(side io.Writer) {
	if closer, ok := side.(interface{ CloseWrite() error }); ok {
		_ = closer.CloseWrite() // fails where all is over
	}
	f.call.limit.Reset(f.relay.linger)
}

// patientConn is a client that takes each piece in a bounded time.
type patientConn struct {
	net.Conn
	patience time.Duration
}

// Write implements io.Writer.
func (c patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
