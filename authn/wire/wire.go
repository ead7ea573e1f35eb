// Package wire turns types of package authn into messages of realtime.v1 and
// back, for everybody who speaks with a backend.
package wire

import (
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Errors of Arg about the argument as a whole.
var (
	ErrUnset       = errors.New("must have one of json, value and binary")
	ErrAttachments = errors.New("has attachments, which belong to json or value, beside binary")
)

// Handshake returns the message for h, in which bytes of the client that
// are no UTF-8 became U+FFFD: a message cannot carry them.
func Handshake(h authn.Handshake) *realtimev1.Handshake {
	return &realtimev1.Handshake{
		Claims: &realtimev1.ClientClaims{
			AuthJson: text(string(h.Claims.Auth)),
			Query:    texts(h.Claims.Query),
			Headers:  texts(h.Claims.Headers),
		},
		Observed: &realtimev1.ObservedFacts{
			RemoteAddress: h.Observed.RemoteAddress,
			Secure:        h.Observed.Secure,
			Transport:     h.Observed.Transport,
			Time:          timestamppb.New(h.Observed.Time),
			Url:           text(h.Observed.URL),
			CrossOrigin:   h.Observed.CrossOrigin,
		},
	}
}

func text(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

func texts(m map[string]string) map[string]string {
	valid := make(map[string]string, len(m))
	for key, value := range m {
		valid[text(key)] = text(value)
	}
	return valid
}

// Plain reports whether a backend wants an event uncompressed.
func Plain(e *realtimev1.Event) bool { return e != nil && e.Compress != nil && !e.GetCompress() }

// Expiry reads Event.expires_after as the time when the event expires; zero if
// it is unset.
func Expiry(after *durationpb.Duration) (time.Time, error) {
	if after == nil {
		return time.Time{}, nil
	}
	if after.CheckValid() != nil || after.AsDuration() <= 0 {
		return time.Time{}, errors.New("must be more than zero")
	}
	return time.Now().Add(after.AsDuration()), nil
}

// Arg reads an argument. JSON texts pass as they are, right or wrong. The
// error is [ErrUnset], [ErrAttachments] or says why a google.protobuf.Value has
// no JSON, as NaN and infinity.
func Arg(a *realtimev1.Arg) (authn.Arg, error) {
	if _, whole := a.GetKind().(*realtimev1.Arg_Binary); whole && len(a.GetAttachments()) > 0 {
		return authn.Arg{}, ErrAttachments
	}
	arg := authn.Arg{Attachments: a.GetAttachments()}
	switch kind := a.GetKind().(type) {
	case *realtimev1.Arg_Json:
		arg.JSON = []byte(kind.Json)
	case *realtimev1.Arg_Value:
		value, err := protojson.Marshal(kind.Value)
		if err != nil {
			return authn.Arg{}, err
		}
		arg.JSON = value
	case *realtimev1.Arg_Binary:
		arg.Binary = kind.Binary // decoded bytes are never nil, not even empty ones
	default:
		return authn.Arg{}, ErrUnset
	}
	return arg, nil
}

// Payload returns the messages for what a client sent with an event.
func Payload(args []authn.Arg) []*realtimev1.Arg {
	messages := make([]*realtimev1.Arg, len(args))
	for i, arg := range args {
		messages[i] = Message(arg)
	}
	return messages
}

// Message is the argument as backends get it.
func Message(arg authn.Arg) *realtimev1.Arg {
	if arg.Binary != nil {
		return &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: arg.Binary}}
	}
	return &realtimev1.Arg{
		Kind:        &realtimev1.Arg_Json{Json: string(arg.JSON)},
		Attachments: arg.Attachments,
	}
}
