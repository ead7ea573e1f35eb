package control

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Door is the other side: it tells the server at an address what to do.
type Door struct{ Address string }

// Broadcast returns when the server has sent everything.
func (d Door) Broadcast(ctx context.Context, o Order) error {
	return d.Tell(ctx, "broadcast", o.Query())
}

// End has the event after the last number sent.
func (d Door) End(ctx context.Context) error { return d.post(ctx, "/end") }

// Collect has memory given back that is not in use.
func (d Door) Collect(ctx context.Context) error { return d.post(ctx, "/collect") }

// Tell has the server do what else it knows, such as `/join?rooms=3`.
func (d Door) Tell(ctx context.Context, what string, with url.Values) error {
	return d.post(ctx, "/"+what+"?"+with.Encode())
}

func (d Door) post(ctx context.Context, path string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.Address+path, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", path, response.Status)
	}
	return nil
}
