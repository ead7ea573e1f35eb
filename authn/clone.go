package authn

import "slices"

// Clone returns a copy of i that shares nothing with it, for a decision that
// several clients get.
func (i Identity) Clone() Identity {
	i.Rooms = slices.Clone(i.Rooms)
	i.Metadata = slices.Clone(i.Metadata)
	i.Events = slices.Clone(i.Events)
	for n := range i.Events {
		i.Events[n].Args = cloneArgs(i.Events[n].Args)
	}
	return i
}

func cloneArgs(args []Arg) []Arg {
	args = slices.Clone(args)
	for n, a := range args {
		attachments := slices.Clone(a.Attachments)
		for k := range attachments {
			attachments[k] = slices.Clone(attachments[k])
		}
		args[n] = Arg{JSON: slices.Clone(a.JSON), Binary: slices.Clone(a.Binary), Attachments: attachments}
	}
	return args
}
