package attach

import (
	"google.golang.org/protobuf/proto"

	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// method is a call of RealtimeBackend.
type method struct {
	// repeatable says that a worker may be asked again what another one may have
	// begun.
	repeatable bool
	// ask puts a request into the message for a worker. It is nil for a request of
	// another method.
	ask func(request any) *realtimev1.AttachCall
	// answer takes a response out of a result. It is nil if there is none.
	answer func(*realtimev1.AttachResult) proto.Message
}

// methods are all of them, by the names that gRPC gives them. That a client has
// ended is told at least once, so OnDisconnected may be repeated; who it is and
// where it may go may be asked as often as one likes.
var methods = map[string]method{
	realtimev1.RealtimeBackend_Authenticate_FullMethodName: {
		repeatable: true,
		ask: asking(func(r *realtimev1.AuthenticateRequest) *realtimev1.AttachCall {
			return &realtimev1.AttachCall{Request: &realtimev1.AttachCall_Authenticate{Authenticate: r}}
		}),
		answer: answering((*realtimev1.AttachResult).GetAuthenticate),
	},
	realtimev1.RealtimeBackend_OnConnected_FullMethodName: {
		ask: asking(func(r *realtimev1.OnConnectedRequest) *realtimev1.AttachCall {
			return &realtimev1.AttachCall{Request: &realtimev1.AttachCall_OnConnected{OnConnected: r}}
		}),
		answer: answering((*realtimev1.AttachResult).GetOnConnected),
	},
	realtimev1.RealtimeBackend_OnEvent_FullMethodName: {
		ask: asking(func(r *realtimev1.OnEventRequest) *realtimev1.AttachCall {
			return &realtimev1.AttachCall{Request: &realtimev1.AttachCall_OnEvent{OnEvent: r}}
		}),
		answer: answering((*realtimev1.AttachResult).GetOnEvent),
	},
	realtimev1.RealtimeBackend_OnDisconnected_FullMethodName: {
		repeatable: true,
		ask: asking(func(r *realtimev1.OnDisconnectedRequest) *realtimev1.AttachCall {
			return &realtimev1.AttachCall{Request: &realtimev1.AttachCall_OnDisconnected{OnDisconnected: r}}
		}),
		answer: answering((*realtimev1.AttachResult).GetOnDisconnected),
	},
	realtimev1.RealtimeBackend_AuthorizeJoin_FullMethodName: {
		repeatable: true,
		ask: asking(func(r *realtimev1.AuthorizeJoinRequest) *realtimev1.AttachCall {
			return &realtimev1.AttachCall{Request: &realtimev1.AttachCall_AuthorizeJoin{AuthorizeJoin: r}}
		}),
		answer: answering((*realtimev1.AttachResult).GetAuthorizeJoin),
	},
}

// asking copies the request: it is the caller's again when the call has ended, but
// may be on its way to a worker still.
func asking[Req proto.Message](wrap func(Req) *realtimev1.AttachCall) func(any) *realtimev1.AttachCall {
	return func(request any) *realtimev1.AttachCall {
		if r, ok := request.(Req); ok {
			return wrap(proto.CloneOf(r))
		}
		return nil
	}
}

func answering[Resp any, PResp interface {
	*Resp
	proto.Message
}](get func(*realtimev1.AttachResult) PResp) func(*realtimev1.AttachResult) proto.Message {
	return func(result *realtimev1.AttachResult) proto.Message {
		if response := get(result); response != nil {
			return response
		}
		return nil
	}
}

// contextOf is on whose behalf a call is made.
func contextOf(call *realtimev1.AttachCall) *realtimev1.RequestContext {
	switch r := call.GetRequest().(type) {
	case *realtimev1.AttachCall_Authenticate:
		return r.Authenticate.GetContext()
	case *realtimev1.AttachCall_OnConnected:
		return r.OnConnected.GetContext()
	case *realtimev1.AttachCall_OnEvent:
		return r.OnEvent.GetContext()
	case *realtimev1.AttachCall_OnDisconnected:
		return r.OnDisconnected.GetContext()
	case *realtimev1.AttachCall_AuthorizeJoin:
		return r.AuthorizeJoin.GetContext()
	}
	return nil
}

// subjectOf is what a call is about.
func subjectOf(call *realtimev1.AttachCall) subject {
	_, isEvent := call.GetRequest().(*realtimev1.AttachCall_OnEvent)
	return subject{
		namespace: contextOf(call).GetNamespace(),
		event:     call.GetOnEvent().GetEvent().GetName(),
		isEvent:   isEvent,
	}
}
