-- Ends a generation of which nobody has to be told.
-- KEYS directory, tag   ARGV id, generation, instance, tag's rest
-- Returns the standing it had.
local dir, tag = KEYS[1], KEYS[2]
local state = standing(dir, ARGV[1], ARGV[2])
if state ~= 'ok' then return state end
local g = ARGV[1] .. '/' .. ARGV[2]
redis.call('HDEL', dir, 'l:' .. g, 'i:' .. g)
ended(dir, ARGV[1], ARGV[2])
if redis.call('GET', tag) == ARGV[3] then redis.call('PEXPIRE', tag, ARGV[4]) end
return state
