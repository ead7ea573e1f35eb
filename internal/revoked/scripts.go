package revoked

import "github.com/redis/go-redis/v9"

// add adds entries. KEYS: log, ends. ARGV: for each entry what it says, and when
// it is over, in milliseconds since 1970. Of those that are over some are taken
// out, more than are added.
var add = redis.NewScript(`
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local over = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now), 'LIMIT', 0, 100 + #ARGV)
for _, entry in ipairs(over) do
  redis.call('ZREM', KEYS[1], entry)
  redis.call('ZREM', KEYS[2], entry)
end
for i = 1, #ARGV, 2 do
  if tonumber(ARGV[i + 1]) > now then
    redis.call('ZADD', KEYS[1], 'NX', string.format('%.0f', now), ARGV[i])
    redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
  end
end
local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
if last[2] then
  local ends = string.format('%.0f', tonumber(last[2]) + 60000)
  redis.call('PEXPIREAT', KEYS[1], ends)
  redis.call('PEXPIREAT', KEYS[2], ends)
end
return redis.status_reply('OK')
`)

// hear returns the epoch, the time in milliseconds, and the entries that were
// added since a time. KEYS: log, epoch. ARGV: since, how many at most, an epoch in
// case that there is none, how long it lives.
var hear = redis.NewScript(`
local time = redis.call('TIME')
local epoch = redis.call('GET', KEYS[2])
if not epoch then
  epoch = ARGV[3]
  redis.call('SET', KEYS[2], epoch)
end
redis.call('PEXPIRE', KEYS[2], ARGV[4])
local entries = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
return {epoch, string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000)), entries}
`)
