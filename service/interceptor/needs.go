package interceptor

import (
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/reflection/grpc_reflection_v1alpha"

	"github.com/seed52a35d2d/realtime-server/authn/authority"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
)

// need is what a method asks of its caller.
type need struct {
	// scope is the kind of call.
	scope authority.Scope
	// anyone means that every caller may, whatever it is limited to.
	anyone bool
	// byRooms means that the request can say by rooms whom it is about. All
	// others are closed to a caller that is limited to rooms.
	byRooms bool
}

// needs has every method that may be called. What is not in it is refused to
// all, so a new method stays closed until somebody has decided; a test holds it
// against the service.
var needs = map[string]need{
	realtimev1.Realtime_Send_FullMethodName:        {scope: authority.Send, byRooms: true},
	realtimev1.Realtime_Broadcast_FullMethodName:   {scope: authority.Send},
	realtimev1.Realtime_SendWithAck_FullMethodName: {scope: authority.Send, byRooms: true},

	realtimev1.Realtime_JoinRoom_FullMethodName:    {scope: authority.Manage, byRooms: true},
	realtimev1.Realtime_LeaveRoom_FullMethodName:   {scope: authority.Manage, byRooms: true},
	realtimev1.Realtime_Disconnect_FullMethodName:  {scope: authority.Manage, byRooms: true},
	realtimev1.Realtime_IssueTicket_FullMethodName: {scope: authority.Manage},
	realtimev1.Realtime_RevokeUser_FullMethodName:  {scope: authority.Manage},
	realtimev1.Realtime_RevokeToken_FullMethodName: {scope: authority.Manage},

	realtimev1.Realtime_GetConnection_FullMethodName:    {scope: authority.Read},
	realtimev1.Realtime_ListConnections_FullMethodName:  {scope: authority.Read, byRooms: true},
	realtimev1.Realtime_ListRooms_FullMethodName:        {scope: authority.Read, byRooms: true},
	realtimev1.Realtime_CountConnections_FullMethodName: {scope: authority.Read, byRooms: true},

	realtimev1.Realtime_Attach_FullMethodName: {scope: authority.Attach},

	// The schema is no secret.
	grpc_reflection_v1.ServerReflection_ServerReflectionInfo_FullMethodName:      {anyone: true},
	grpc_reflection_v1alpha.ServerReflection_ServerReflectionInfo_FullMethodName: {anyone: true},
}

// isPublic leaves the health checks of orchestrators, which have no key, open.
func isPublic(method string) bool {
	switch method {
	case grpc_health_v1.Health_Check_FullMethodName, grpc_health_v1.Health_List_FullMethodName, grpc_health_v1.Health_Watch_FullMethodName:
		return true
	default:
		return false
	}
}
