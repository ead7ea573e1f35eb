// Package authority says who may call the Realtime API, and what each of them
// may.
//
// A caller is the holder of an API key ([Key]) or of a client certificate that
// fits an [Identity]. Each has a [Grant]: the kinds of calls, the namespaces and
// the rooms that it is limited to, and how fast it may call. [Callers] finds the
// [Caller] behind what a call brings. What a method needs is not known here.
//
// scope.go and grant.go say what can be granted, key.go, keyfile.go and
// identity.go to whom, caller.go answers for one caller, callers.go knows all of
// them, and settings.go reads what an operator has written.
package authority
