package realtime

import "fmt"

// Refusal is the error by which [Backend].Authenticate keeps a client out, as
// opposed to being broken.
type Refusal struct {
	Code    string // a short, stable word for programs
	Message string // a sentence for people
	Data    any    // what else the client should know; anything that JSON can hold
}

// Refuse makes a [Refusal]. The client sees `connect_error` with the message;
// the error's `data` holds the code and the fields of data.
func Refuse(code, message string, data any) error {
	return &Refusal{Code: code, Message: message, Data: data}
}

// Error implements error.
func (r *Refusal) Error() string { return fmt.Sprintf("refused with %s: %s", r.Code, r.Message) }
