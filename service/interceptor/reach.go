package interceptor

import (
	"cmp"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// Requests say whom they are about by these, so none has to be known here.
type (
	inNamespace  interface{ GetNamespace() string }
	inNamespaces interface{ GetNamespaces() []string }
	forTarget    interface{ GetTarget() *realtimev1.Target }
	namesRooms   interface{ GetRooms() []string }
	namesRoom    interface{ GetRoom() string }
	namesPrefix  interface{ GetPrefix() string }
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
func checkNamespaces(c *authority.Caller, n need, req any, opening bool) *lack {
	if !c.InNamespaces() {
		return nil
	}
	named := namespaces(req)
	if len(named) == 0 && opening {
		return &lack{lacksNamespace, everywhere, "is limited to namespaces, and the request names none"}
	}
	for _, name := range named {
		name = n.spelled(name)
		if name == everywhere {
			return &lack{lacksNamespace, everywhere, "is limited to namespaces, and the request is about all"}
		}
		if !c.Namespace(name) {
			return &lack{lacksNamespace, name, "may not deal with this namespace"}
		}
	}
	return nil
}

// spelled is a namespace in full. No namespace is called everywhere.
func (n need) spelled(namespace string) string {
	switch {
	case namespace != "":
		return namespace
	case n.blankIsAll:
		return everywhere
	default:
		return "/"
	}
}

// namespaces are all that a request names, itself or in the messages that it is
// made of.
func namespaces(req any) []string {
	message, ok := req.(proto.Message)
	if !ok {
		return nil
	}
	return namespacesOf(message.ProtoReflect(), nil)
}

// namespacesOf adds to named. Messages of others, such as google.protobuf.Value,
// have nothing to do with namespaces.
func namespacesOf(message protoreflect.Message, named []string) []string {
	if message.Descriptor().ParentFile().Package() != ours {
		return named
	}
	if m, ok := message.Interface().(inNamespace); ok {
		named = append(named, m.GetNamespace())
	}
	if m, ok := message.Interface().(inNamespaces); ok {
		named = append(named, m.GetNamespaces()...)
	}
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
