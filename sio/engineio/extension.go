package engineio

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// extensionsHeader is Sec-WebSocket-Extensions, as net/http spells it.
const extensionsHeader = "Sec-Websocket-Extensions"

// fullWindow is the largest and usual window of the DEFLATE format, as the
// base-2 logarithm of its bytes.
const fullWindow = 15

// negotiateDeflate answers the offers of permessage-deflate in a handshake
// (RFC 7692, section 7.1) and returns the window, in bits, that our messages
// must do with; 0 means that nothing is compressed. The first offer that can be
// accepted is: clients list them in the order of their preference. A malformed
// one is declined, but never the client.
//
// Nobody may refer to an earlier message (no context takeover), so that a
// connection keeps no window while it is idle, and a message is compressed
// alike for all.
func negotiateDeflate(request, answer http.Header) (window uint8) {
	offers := strings.Join(request[extensionsHeader], ",")
	if offers == "" {
		return 0
	}
	limited := false
	_, wellFormed := httphead.OptionSelector{Check: func(offer httphead.Option) bool {
		if window == 0 {
			window, limited = acceptOffer(offer)
		}
		return false
	}}.Select([]byte(offers), nil)
	if !wellFormed || window == 0 {
		return 0
	}
	accepted := wsflate.ExtensionName + "; server_no_context_takeover; client_no_context_takeover"
	if limited { // then it must be confirmed (section 7.1.2.1)
		accepted += "; server_max_window_bits=" + strconv.Itoa(int(window))
	}
	answer.Set(extensionsHeader, accepted)
	return window
}

// acceptOffer returns the window that an offer leaves us, 0 if it cannot be
// accepted. What it says of the client's own window makes no difference: we
// read every window.
func acceptOffer(offer httphead.Option) (window uint8, limited bool) {
	var p wsflate.Parameters
	if string(offer.Name) != wsflate.ExtensionName || p.Parse(offer) != nil || repeats(offer) {
		return 0, false
	}
	if p.ServerMaxWindowBits.Defined() {
		return uint8(p.ServerMaxWindowBits), true
	}
	return fullWindow, false
}

// repeats reports whether a parameter stands twice in an offer.
func repeats(offer httphead.Option) bool {
	seen, twice := map[string]bool{}, false
	offer.Parameters.ForEach(func(name, _ []byte) bool {
		twice = seen[string(name)]
		seen[string(name)] = true
		return !twice
	})
	return twice
}
