package interceptor

import (
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// limited is a caller of namespaces.
func limited(t *testing.T, namespaces ...string) *authority.Caller {
	t.Helper()
	const secret = "0123456789abcdef"
	callers, err := authority.New(map[string]authority.Key{"a": {Secret: secret, Grant: authority.Grant{Namespaces: namespaces}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	caller, err := callers.ByKey("Bearer " + secret)
	if err != nil {
		t.Fatal(err)
	}
	return caller
}

// request makes a message of ours that there is not, with fields that say whom
// it is about.
func request(t *testing.T, text string) proto.Message {
	t.Helper()
	field := func(name string, number int32, kind descriptorpb.FieldDescriptorProto_Type, label descriptorpb.FieldDescriptorProto_Label) *descriptorpb.FieldDescriptorProto {
		return &descriptorpb.FieldDescriptorProto{Name: &name, Number: &number, Type: &kind, Label: &label}
	}
	const (
		one  = descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL
		many = descriptorpb.FieldDescriptorProto_LABEL_REPEATED
	)
	file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
		Name: new("test.proto"), Package: new("realtime.v1"), Syntax: new("proto3"),
		MessageType: []*descriptorpb.DescriptorProto{{Name: new("TestRequest"), Field: []*descriptorpb.FieldDescriptorProto{
			field("namespace", 1, descriptorpb.FieldDescriptorProto_TYPE_STRING, one),
			field("namespaces", 2, descriptorpb.FieldDescriptorProto_TYPE_STRING, many),
			field("all_namespaces", 3, descriptorpb.FieldDescriptorProto_TYPE_BOOL, one),
		}}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := dynamicpb.NewMessage(file.Messages().Get(0))
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

// A request can name more namespaces than one. What a pattern of a worker stands
// for cannot be told from what it matches.
func TestSeveralNamespaces(t *testing.T) {
	caller := limited(t, "/", "/chat", `^/t[^/]*$`, "/u-*")
	for text, want := range map[string]string{ // what is lacking
		``:                                       "",
		`namespace: "/chat"`:                     "",
		`namespace: "/b"`:                        "/b",
		`all_namespaces: true`:                   "*",
		`namespaces: ["/chat", "/team", "/u-*"]`: "",
		`namespaces: ["^/t[^/]*$"]`:              "",
		`namespaces: ["/chat", "/b"]`:            "/b",
		`namespaces: ["/t*"]`:                    "/t*",
		`namespaces: ["*"]`:                      "*",
		`namespaces: ["^/t$"]`:                   "^/t$",
	} {
		var got string
		if l := checkNamespaces(caller, request(t, text), true); l != nil {
			got = l.value
		}
		if got != want {
			t.Errorf("%s: lacks %q, want %q", text, got, want)
		}
	}
	if said := about(request(t, `all_namespaces: true`)); len(said) != 1 || said[0].Value.String() != everywhere {
		t.Errorf("the audit says %v", said)
	}
}

// The requests that deal with more than a target.
func TestNamespacesOfRequests(t *testing.T) {
	caller := limited(t, "/", "/chat", "/u-*")
	hello := func(namespaces ...string) proto.Message {
		return &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Hello{Hello: &realtimev1.AttachHello{Group: "g", Namespaces: namespaces}}}
	}
	for _, test := range []struct {
		req  proto.Message
		want string
	}{
		{&realtimev1.IssueTicketRequest{}, ""},
		{&realtimev1.IssueTicketRequest{Namespace: "/b"}, "/b"},
		{&realtimev1.RevokeUserRequest{UserId: "ada"}, ""},
		{&realtimev1.RevokeUserRequest{UserId: "ada", Namespace: "/b"}, "/b"},
		{&realtimev1.RevokeUserRequest{UserId: "ada", AllNamespaces: true}, everywhere},
		{&realtimev1.RevokeTokenRequest{TokenId: "t", Namespace: "/chat", AllNamespaces: true}, everywhere},
		{hello(), everywhere},
		{hello("/chat", "/u-*"), ""},
		{hello("/chat", "/b"), "/b"},
		{hello("/c*"), "/c*"},
		{&realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Result{}}, everywhere}, // it opens nothing
	} {
		var got string
		if l := checkNamespaces(caller, test.req, true); l != nil {
			got = l.value
		}
		if got != test.want {
			t.Errorf("%T %v: lacks %q, want %q", test.req, test.req, got, test.want)
		}
	}
	answer := &realtimev1.AttachRequest{Message: &realtimev1.AttachRequest_Result{Result: &realtimev1.AttachResult{
		Id: 1, Outcome: &realtimev1.AttachResult_Authenticate{Authenticate: &realtimev1.AuthenticateResponse{
			Result: &realtimev1.AuthenticateResponse_Accept{Accept: &realtimev1.Accept{UserId: "ada", Events: []*realtimev1.Event{{Name: "e"}}}},
		}},
	}}}
	if l := checkNamespaces(caller, answer, false); l != nil {
		t.Errorf("an answer lacks %v", l)
	}
}

// A stream is opened by what names a namespace; what follows need not.
func TestNamespaceOfAnOpening(t *testing.T) {
	caller := limited(t, "/a")
	if l := checkNamespaces(caller, &realtimev1.Event{}, true); l == nil || l.value != everywhere {
		t.Errorf("lacks %v", l)
	}
	if l := checkNamespaces(caller, &realtimev1.Event{}, false); l != nil {
		t.Errorf("lacks %v", l)
	}
	if l := checkNamespaces(caller, &realtimev1.Connection{Namespace: "/b"}, false); l == nil || l.value != "/b" {
		t.Errorf("lacks %v", l)
	}
}

func TestNamespacesWithinMessages(t *testing.T) {
	req := &realtimev1.ListConnectionsResponse{Connections: []*realtimev1.Connection{{Namespace: "/a"}, {Namespace: "/b"}, {}}}
	named := namespaces(req)
	if len(named) != 3 || named[0].text != "/a" || named[1].text != "/b" || named[2].text != "/" {
		t.Errorf("got %v", named)
	}
	if l := checkNamespaces(limited(t, "/a", "/"), req, true); l == nil || l.value != "/b" {
		t.Errorf("lacks %v", l)
	}
}
