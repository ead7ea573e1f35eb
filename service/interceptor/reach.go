package interceptor

import (
	"cmp"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/internal/pattern"
)

// Requests say by these which rooms they are about, so none has to be known here.
type (
	forTarget   interface{ GetTarget() *realtimev1.Target }
	namesRooms  interface{ GetRooms() []string }
	namesRoom   interface{ GetRoom() string }
	namesPrefix interface{ GetPrefix() string }
)

// The keys of ErrorInfo.metadata.
const (
	lacksScope     = "scope"
	lacksNamespace = "namespace"
	lacksRoom      = "room"
)

// lack is what a caller would need besides: a key of ErrorInfo.metadata, its
// value, and the same for people.
type lack struct{ key, value, message string }

// everywhere is what lack.value says of a request that names nothing: it is
// about all that there is.
const everywhere = "*"

// checkNamespaces says which namespace of a request the caller lacks. The
// opening request of a call has to name one; what follows on a stream is held
// to what it names.
func checkNamespaces(c *authority.Caller, req any, opening bool) *lack {
	if !c.InNamespaces() {
		return nil
	}
	named := namespaces(req)
	if len(named) == 0 && opening {
		return &lack{lacksNamespace, everywhere, "is limited to namespaces, and the request names none"}
	}
	for _, n := range named {
		if n.several && !c.Lists(n.text) || !n.several && !c.Namespace(n.text) {
			return &lack{lacksNamespace, n.text, "may not deal with this namespace"}
		}
	}
	return nil
}

// namespace is how a request names one, or several of them by a pattern.
type namespace struct {
	text    string
	several bool
}

// namespaces are all that a request names, itself or in the messages that it is
// made of.
func namespaces(req any) []namespace {
	message, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	return namespacesOf(message.ProtoReflect(), nil)
}

// namespacesOf adds to named. Messages of others, such as google.protobuf.Value,
// have nothing to do with namespaces.
func namespacesOf(message protoreflect.Message, named []namespace) []namespace {
	if message.Descriptor().ParentFile().Package() != ours {
		return named
	}
	named = append(named, ownNamespaces(message)...)
	message.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.IsMap() || field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				named = namespacesOf(value.List().Get(i).Message(), named)
			}
		default:
			named = namespacesOf(value.Message(), named)
		}
		return true
	})
	return named
}

// ownNamespaces are those that the fields of a message name. The fields have the
// same names in all messages: `namespace`, where nothing means "/"; `namespaces`,
// which are names and patterns; and `all_namespaces`.
func ownNamespaces(message protoreflect.Message) []namespace {
	fields := message.Descriptor().Fields()
	if all := fields.ByName("all_namespaces"); all != nil && message.Get(all).Bool() {
		return []namespace{{everywhere, true}}
	}
	var named []namespace
	if one := fields.ByName("namespace"); one != nil {
		named = append(named, namespace{text: cmp.Or(message.Get(one).String(), "/")})
	}
	if some := fields.ByName("namespaces"); some != nil {
		list := message.Get(some).List()
		for i := range list.Len() {
			text := list.Get(i).String()
			named = append(named, namespace{text, pattern.Is(text) || strings.Contains(text, "*")})
		}
	}
	return named
}

// ours is the package of requests.
var ours = realtimev1.File_realtime_v1_types_proto.Package()

// checkRooms says which room of a request the caller lacks. A caller that is
// limited to rooms says by rooms whom a call is about: a user or a connection
// is in other rooms as well. It may except users and connections, which makes
// what it reaches smaller, but rooms of its own only, or it would learn from the
// counts who is in others.
func checkRooms(c *authority.Caller, n need, req any) *lack {
	if !c.InRooms() {
		return nil
	}
	if !n.byRooms {
		return &lack{lacksRoom, everywhere, "is limited to rooms, and this method is about more"}
	}
	named, wider := rooms(req)
	if wider {
		return &lack{lacksRoom, everywhere, "is limited to rooms, and may not name users or connections"}
	}
	if len(named) == 0 {
		return &lack{lacksRoom, everywhere, "is limited to rooms, and the request names none"}
	}
	for _, name := range named {
		if !c.Room(name) {
			return &lack{lacksRoom, cmp.Or(name, everywhere), "may not deal with this room"}
		}
	}
	return nil
}

// rooms are all that a request names. It is wider if it names others, too, or if
// it leaves out whom it is about.
func rooms(req any) (named []string, wider bool) {
	if r, ok := req.(forTarget); ok {
		t := r.GetTarget()
		wider = len(t.GetRooms()) == 0 || len(t.GetUsers()) > 0 || len(t.GetConnectionIds()) > 0
		named = append(append(named, t.GetRooms()...), t.GetExceptRooms()...)
	}
	if r, ok := req.(namesRooms); ok {
		named = append(named, r.GetRooms()...)
	}
	if r, ok := req.(namesRoom); ok {
		named = append(named, r.GetRoom())
	}
	if r, ok := req.(namesPrefix); ok {
		named = append(named, r.GetPrefix())
	}
	return named, wider
}
