package registry

import (
	_ "embed" // for the scripts
)

// The scripts are sent whole each time (EVAL): there are few calls, each of
// which does much, and so a Redis that has just started, or that has just become
// the master, needs no second attempt. Redis compiles each of them once.
var (
	//go:embed scripts/prelude.lua
	prelude string

	//go:embed scripts/join.lua
	joinBody string
	//go:embed scripts/renew.lua
	renewBody string
	//go:embed scripts/claim.lua
	claimBody string
	//go:embed scripts/yield.lua
	yieldBody string
	//go:embed scripts/bury.lua
	buryBody string
	//go:embed scripts/leave.lua
	leaveBody string
	//go:embed scripts/view.lua
	viewBody string
	//go:embed scripts/sweep.lua
	sweepBody string

	//go:embed scripts/generations.lua
	generationsScript string

	//go:embed scripts/records.lua
	records string
	//go:embed scripts/write.lua
	writeBody string
	//go:embed scripts/part.lua
	partBody string

	//go:embed scripts/open.lua
	openScript string
	//go:embed scripts/close.lua
	closeScript string
	//go:embed scripts/page.lua
	pageScript string

	joinScript  = prelude + joinBody
	renewScript = prelude + renewBody
	claimScript = prelude + claimBody
	yieldScript = prelude + yieldBody
	buryScript  = prelude + buryBody
	leaveScript = prelude + leaveBody
	viewScript  = prelude + viewBody
	sweepScript = prelude + sweepBody

	writeScript = records + writeBody
	partScript  = records + partBody
)
