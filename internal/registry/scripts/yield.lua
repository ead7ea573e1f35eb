-- Gives a claim back, for others to take at once.
-- KEYS directory   ARGV id, generation, dead g
local claim = 'c:' .. ARGV[3]
if redis.call('HGET', KEYS[1], claim) == ARGV[1] .. '/' .. ARGV[2] then
  redis.call('HSET', KEYS[1], claim, '')
end
return 1
