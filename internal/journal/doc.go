// Package journal keeps in Redis what nodes need so that a client that has lost
// its connection to one of them can come back at another: a [sio.Journal], and
// the reader that has a node hear of its entries. What entries and tickets say
// is the affair of package sio. docs/decisions/0005-recovery-across-nodes.md has
// the reasons.
//
// The journal is one stream and the id of its last entry, which the script
// `append` changes together. It is bounded in age and in length. Each ticket is a
// hash: who holds it, and what it says. With the hash tag in the stream's name
// all of it works in a Redis Cluster.
//
//	journal.go  a node's journal, and its life
//	append.go   adding entries
//	reader.go   hearing of entries, from where this node was
//	tickets.go  keeping, finding and taking tickets
//	holder.go   who holds a ticket
//	trouble.go  what does not work
package journal
