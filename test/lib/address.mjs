// Where to listen.

// ownAddress is a loopback address with a port of the kernel's choice that no
// other program uses, not even as the source of a connection: on 127.0.0.1 a
// port that was given back may be taken before somebody listens there again.
export const ownAddress = () => `127.${[254, 254, 254].map((n) => 1 + Math.floor(Math.random() * n)).join('.')}:0`
