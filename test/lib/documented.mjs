// What the documentation tells operators to type, so that tests do just that.

import { readFileSync } from 'node:fs'

const lines = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8').split('\n')
  .filter((line) => line.startsWith('ACL SETUSER realtime '))
  .map((line) => line.split(' ').slice(3))
const having = (rule) => lines.find((rules) => rules.includes(rule)) ?? []

// ACL is the rules for the user `realtime` with the password `secret`: all that a
// server needs, and what else needs more.
export const ACL = {
  server: having('on'),
  recovery: having('+@stream'),
  cluster: having('+cluster|slots'),
  classic: having('&socket.io-request#*'),
  sharded: having('&socket.io#*'),
}
