// Package load puts a running server under load and counts what becomes of
// every message: numbered messages show what was lost, what came twice and
// what came out of order.
package load
