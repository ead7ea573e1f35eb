package service

import (
	"errors"
	"testing"
)

func TestFailureOfAnotherBackend(t *testing.T) {
	if f := backendFailure(nil); f != nil {
		t.Errorf("no error became %+v", f)
	}
	f := backendFailure(errors.New("s3cret"))
	if f.Code != "BACKEND_ERROR" || f.Temporary || string(f.ack().JSON) !=
		`{"error":{"code":"BACKEND_ERROR","reason":"The backend failed","temporary":false}}` {
		t.Errorf("%+v, %s", f, f.ack().JSON)
	}
}
