// Package revoked keeps in Redis which credentials were revoked, so that a
// node that has just started, or was away when it was told, learns of them. What
// an entry says is the affair of those who write and hear it.
//
// There are two sorted sets with the same members: `log`, by the time of Redis at
// which an entry was added, and `ends`, by when it is over. A third key holds a
// random word, the epoch, which tells a Redis that has lost everything from one
// that never had anything: where the epoch is another one, a node hears all that
// there is, and writes all that it knows. It writes it as well when it has Redis
// back: a replica that took over may lack the last entries. All keys have one
// hash tag, and end by themselves.
//
//	store.go    a node's way to the entries, and its life
//	scripts.go  what Redis does in one step
//	follow.go   hearing of entries
package revoked
