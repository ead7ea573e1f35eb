-- Forgets the last generations of node ids that have been gone for long.
-- KEYS directory   ARGV retention, id, id, ...
local before = clock() - tonumber(ARGV[1])
for i = 2, #ARGV do
  local last = redis.call('HGET', KEYS[1], '@:' .. ARGV[i])
  local over = tonumber(string.match(last or '', ' (%d+)$') or '0')
  if over > 0 and over < before then redis.call('HDEL', KEYS[1], '@:' .. ARGV[i]) end
end
return 1
