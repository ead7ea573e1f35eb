package cluster

import "github.com/seed52a35d2d/realtime-server/sio"

// Audience are the channels on which a call reaches every node that has a
// connection of its target, and each of them once.
type Audience []string

// AudienceOf finds them. A single room or user, and connections whose ids one
// node has made, concern only the nodes where they are. Everything else concerns
// all nodes of the namespace: on several channels a node could hear it twice, also
// with connections, for clients that came back have ids of other nodes.
func AudienceOf(namespace string, t sio.Target) Audience {
	switch {
	case t.Everyone:
		return Audience{ofNamespace(namespace)}
	case len(t.Rooms) == 0 && len(t.Users) == 0:
		return originsOf(namespace, t.IDs)
	case len(t.Rooms) == 1 && len(t.Users)+len(t.IDs) == 0:
		return Audience{ofRoom(namespace, t.Rooms[0])}
	case len(t.Users) == 1 && len(t.Rooms)+len(t.IDs) == 0:
		return Audience{ofUser(namespace, t.Users[0])}
	default:
		return Audience{ofNamespace(namespace)}
	}
}

// NodeOf is the audience of one node alone.
func NodeOf(tag string) Audience { return Audience{ofNode(tag)} }

// Everyone is the audience of all nodes, whatever connections they have.
func Everyone() Audience { return Audience{ofEveryone} }

// originsOf is where connections may be. Nobody has those whose ids are none.
func originsOf(namespace string, ids []string) Audience {
	var origin string
	for _, id := range ids {
		tag := sio.TagOf(id)
		if tag == "" {
			continue
		}
		if origin != "" && tag != origin {
			return Audience{ofNamespace(namespace)}
		}
		origin = tag
	}
	if origin == "" {
		return nil
	}
	return Audience{ofOrigin(namespace, origin)}
}

// channelOf is the channel of a group.
func channelOf(g sio.Group) string {
	switch g.Kind {
	case sio.GroupRoom:
		return ofRoom(g.Namespace, g.Name)
	case sio.GroupUser:
		return ofUser(g.Namespace, g.Name)
	case sio.GroupOrigin:
		return ofOrigin(g.Namespace, g.Name)
	default:
		return ofNamespace(g.Namespace)
	}
}
