-- Forgets a claimed generation whose connections have all been told.
-- KEYS directory   ARGV id, generation, dead id, dead generation
-- Returns 1 if it was ours to forget.
local dir, dead = KEYS[1], ARGV[3] .. '/' .. ARGV[4]
if standing(dir, ARGV[1], ARGV[2]) ~= 'ok' then return 0 end
if redis.call('HGET', dir, 'c:' .. dead) ~= ARGV[1] .. '/' .. ARGV[2] then return 0 end
redis.call('HDEL', dir, 'l:' .. dead, 'i:' .. dead, 'c:' .. dead)
ended(dir, ARGV[3], ARGV[4])
return 1
