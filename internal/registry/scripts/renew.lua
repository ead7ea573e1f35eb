-- Renews a lease and the tag.
-- KEYS directory, tag
-- ARGV id, generation, instance, lease, tag's rest, retention, info
-- Returns {standing, '1' if the tag is ours}.
local dir, tag = KEYS[1], KEYS[2]
local state = standing(dir, ARGV[1], ARGV[2])
if state ~= 'ok' then return {state, '0'} end
local g, lease, now = ARGV[1] .. '/' .. ARGV[2], tonumber(ARGV[4]), clock()
noticed(dir, now, lease)
redis.call('HSET', dir, 'l:' .. g, text(now + lease) .. ' ' .. text(lease), 'i:' .. g, ARGV[7])
redis.call('PEXPIRE', dir, ARGV[6])
local owner = redis.call('GET', tag)
if owner and owner ~= ARGV[3] then return {state, '0'} end
redis.call('SET', tag, ARGV[3], 'PX', ARGV[5])
return {state, '1'}
