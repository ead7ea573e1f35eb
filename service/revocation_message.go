package service

import (
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/seed52a35d2d/realtime-server/authn/revocation"
	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	"github.com/seed52a35d2d/realtime-server/internal/revoked"
)

// messageOf is a revocation as nodes tell it to each other.
func messageOf(v *revocation.Revocation) *clusterv1.Revocation {
	m := &clusterv1.Revocation{
		Namespace: v.Namespace, Reason: v.Detail, AllowReconnect: v.Reconnect,
		At: timestamppb.New(v.At), Until: timestamppb.New(v.Until),
	}
	if v.Token != "" {
		m.Of = &clusterv1.Revocation_TokenId{TokenId: v.Token}
	} else {
		m.Of = &clusterv1.Revocation_UserId{UserId: v.User}
	}
	return m
}

// revocationOf is the way back. It is false for what says nothing to this
// version.
func revocationOf(m *clusterv1.Revocation) (revocation.Revocation, bool) {
	v := revocation.Revocation{
		Namespace: m.GetNamespace(), User: m.GetUserId(), Token: m.GetTokenId(),
		At: m.GetAt().AsTime(), Until: m.GetUntil().AsTime(),
		Detail: m.GetReason(), Reconnect: m.GetAllowReconnect(),
	}
	return v, (v.User != "") != (v.Token != "")
}

// entryOf is the same bytes for the same revocation.
func entryOf(v *revocation.Revocation) revoked.Entry {
	data, _ := proto.MarshalOptions{Deterministic: true}.Marshal(messageOf(v)) // its strings were checked
	return revoked.Entry{Data: data, Until: v.Until}
}

// memoryOf is what stays of a credential while its client may come back. The
// namespace and the user are remembered with it.
func memoryOf(c revocation.Credential) []byte {
	memory, _ := proto.Marshal(&clusterv1.Remembered{TokenId: c.Token, IssuedAt: timestampOf(c.IssuedAt)}) // likewise
	return memory
}

// rememberedAs is the credential that somebody had who comes back as c. What
// cannot be read is as old as can be.
func rememberedAs(memory []byte, c revocation.Credential) revocation.Credential {
	m := &clusterv1.Remembered{}
	c.Token, c.IssuedAt = "", time.Time{}
	if proto.Unmarshal(memory, m) != nil {
		return c
	}
	c.Token = m.GetTokenId()
	if m.GetIssuedAt() != nil {
		c.IssuedAt = m.GetIssuedAt().AsTime()
	}
	return c
}
