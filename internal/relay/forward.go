package relay

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// forwarding is one request on its way to the owner of its session, and back.
type forwarding struct {
	relay  *Relay
	call   *call
	w      http.ResponseWriter
	target *url.URL
	req    *http.Request

	// counted says that the outcome is known.
	counted bool
}

// serve returns when the client has its answer, or there is nobody left to
// answer.
func (f *forwarding) serve(ctx context.Context, req *http.Request) {
	f.req = req.WithContext(ctx)
	// net/http is told by a panic that an answer was broken off.
	defer func() {
		if !f.counted {
			f.end(outcomeOf(ctx, nil))
		}
	}()
	proxy := httputil.ReverseProxy{
		Rewrite:        f.rewrite,
		Transport:      f.relay.transport,
		ModifyResponse: f.answer,
		ErrorHandler:   f.fail,
		BufferPool:     f.relay.buffers,
		ErrorLog:       f.relay.proxyLog,
	}
	proxy.ServeHTTP(f.w, f.req)
	if !f.counted {
		f.end(answered)
	}
}

func (f *forwarding) end(o outcome) {
	f.counted = true
	f.relay.count(o)
}

// rewrite makes the owner's request from the client's. ReverseProxy has taken
// away what belongs to one connection.
func (f *forwarding) rewrite(p *httputil.ProxyRequest) {
	p.Out.URL.Scheme, p.Out.URL.Host = f.target.Scheme, f.target.Host
	p.Out.URL.RawQuery = p.In.URL.RawQuery
	p.Out.Header.Set(marker, "1")
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto"} {
		if values := p.In.Header[name]; len(values) > 0 {
			p.Out.Header[name] = values
		}
	}
	if p.Out.Body == nil && p.Out.Method == http.MethodGet {
		// net/http sends a GET again whose connection has failed, unless it has a body.
		p.Out.Body = io.NopCloser(strings.NewReader(""))
	}
}

// answer is called with the head of the owner's answer.
func (f *forwarding) answer(res *http.Response) error {
	clear(f.w.Header()) // what this node says in its own answers, the owner has said in this one
	if res.StatusCode == http.StatusSwitchingProtocols {
		return f.tunnel(res)
	}
	f.relay.limitAnswer(f.w)
	f.call.limit.Reset(2 * f.relay.patience)
	endUpgrade(f.w.Header(), f.req)
	return nil
}

// fail is called when there is no answer, and with what answer returns.
func (f *forwarding) fail(w http.ResponseWriter, _ *http.Request, err error) {
	if errors.Is(err, errTunnelled) {
		f.end(upgraded)
		return
	}
	o := outcomeOf(f.req.Context(), err)
	f.counted = true
	f.relay.refuse(w, f.req, o)
	if o != clientLeft && o != closing {
		f.relay.complain(f.call.tag, f.target.Host, o, err)
	}
}

// buffers are for bodies on their way.
type buffers struct{ pool sync.Pool }

const bufferSize = 16 << 10

func newBuffers() *buffers {
	return &buffers{sync.Pool{New: func() any { return new([bufferSize]byte) }}}
}

// Get implements httputil.BufferPool.
func (b *buffers) Get() []byte { return b.pool.Get().(*[bufferSize]byte)[:] } //nolint:errcheck // the pool holds nothing else

// Put implements httputil.BufferPool.
func (b *buffers) Put(buffer []byte) { b.pool.Put((*[bufferSize]byte)(buffer)) }
