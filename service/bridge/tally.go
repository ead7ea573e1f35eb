package bridge

import (
	"strconv"

	clusterv1 "github.com/seed52a35d2d/realtime-server/gen/realtime/cluster/v1"
	realtimev1 "github.com/seed52a35d2d/realtime-server/gen/realtime/v1"
	"github.com/seed52a35d2d/realtime-server/service/cluster"
	"github.com/seed52a35d2d/realtime-server/sio"
)

// tally makes of what Node's servers say about acknowledgements what a cluster's
// nodes say: for each of them a start, and as many results.
//
// A server says how many clients it has asked. Whose an acknowledgement is, and
// from which server, nobody says. It is put down to the first server that still
// owes one: the numbers are then right, and they are all that is told.
type tally struct {
	servers int
	take    func(from string, r *clusterv1.Reply)

	owed  []int // by those that have said how many, in the order in which they did
	early [][]sio.Arg
	bytes int // of early
}

func newTally(servers int, take func(string, *clusterv1.Reply)) *tally {
	return &tally{servers: servers, take: take}
}

// maxEarly is how many bytes of acknowledgements may come before their server has
// said how many there will be. Redis keeps them in order, but a Cluster need not.
const maxEarly = 1 << 20

// promise notes that a server has asked so many clients.
func (t *tally) promise(n int) {
	from := t.name(len(t.owed))
	t.owed = append(t.owed, n)
	ackReply(from, t.take, &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Start{
		Start: &realtimev1.AckStart{Matched: int64(n)},
	}})
	early := t.early
	t.early, t.bytes = nil, 0
	for _, args := range early {
		t.ack(args, 0)
	}
}

// recount notes that there are no more servers than that: who has said nothing so
// far, and is not there any more, has asked nobody that could still answer.
func (t *tally) recount(n int) { t.servers = min(t.servers, max(n, len(t.owed))) }

func (t *tally) name(server int) string { return nodeServer + " " + strconv.Itoa(server+1) }

// ack takes what a client has acknowledged. It is false if that is lost.
func (t *tally) ack(args []sio.Arg, size int) bool {
	from, owed := t.debtor()
	if !owed {
		if len(t.owed) >= t.servers || t.bytes+size > maxEarly {
			return false
		}
		t.early = append(t.early, args)
		t.bytes += size
		return true
	}
	ackReply(from, t.take, &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Ack{
		Ack: &realtimev1.Ack{Args: argMessages(args)},
	}})
	return true
}

// debtor is a server that owes a result, which it owes no longer.
func (t *tally) debtor() (from string, owed bool) {
	for i := range t.owed {
		if t.owed[i] > 0 {
			t.owed[i]--
			return t.name(i), true
		}
	}
	return "", false
}

// complete reports whether nothing more is to come.
func (t *tally) complete() bool {
	if len(t.owed) < t.servers {
		return false
	}
	for _, n := range t.owed {
		if n > 0 {
			return false
		}
	}
	return true
}

// end tells of those that have not acknowledged in time.
func (t *tally) end() {
	for from, owed := t.debtor(); owed; from, owed = t.debtor() {
		ackReply(from, t.take, &realtimev1.SendWithAckResponse{Result: &realtimev1.SendWithAckResponse_Missing{
			Missing: &realtimev1.MissingAck{Reason: realtimev1.MissingAckReason_MISSING_ACK_REASON_TIMED_OUT},
		}})
	}
}

// coverage says how many servers have said what they have done.
func (t *tally) coverage() cluster.Coverage {
	return cluster.Coverage{Asked: t.servers, Answered: min(len(t.owed), t.servers)}
}

func argMessages(args []sio.Arg) []*realtimev1.Arg {
	var messages []*realtimev1.Arg
	for _, arg := range args {
		if arg.Binary != nil {
			messages = append(messages, &realtimev1.Arg{Kind: &realtimev1.Arg_Binary{Binary: arg.Binary}})
			continue
		}
		messages = append(messages, &realtimev1.Arg{Kind: &realtimev1.Arg_Json{Json: string(arg.JSON)}, Attachments: arg.Attachments})
	}
	return messages
}
