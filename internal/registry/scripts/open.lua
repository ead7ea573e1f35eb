-- Opens the connections of a generation for writing, or keeps them from expiring.
-- KEYS connections   ARGV retention
-- Returns 'open' if they were, 'new' if Redis had nothing, 'closed' if a claimer was here.
local fence = redis.call('HGET', KEYS[1], 'fence')
if fence == 'closed' then return fence end
if not fence then redis.call('HSET', KEYS[1], 'fence', 'open') end
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return fence or 'new'
